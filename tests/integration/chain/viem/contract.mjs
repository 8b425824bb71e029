// The contract as a stranger knows it: by its signatures, not by our artifacts. Input is JSON on standard input,
// output JSON on standard output, numbers of 256 bits as text.
import { createPublicClient, http, parseAbi } from "viem";

export const abi = parseAbi([
  "struct MintRequest { address to; address creator; bytes32 assetDigest; bytes32 metadataDigest; bytes32 modelDigest; uint8 metadataCodec; uint16 royaltyBps; bytes prompt; }",
  "struct MintVoucher { bytes32 uid; uint64 deadline; uint256 price; MintRequest request; }",
  "struct Provenance { bytes32 assetDigest; bytes32 metadataDigest; bytes32 modelDigest; bytes32 promptDigest; address creator; uint8 metadataCodec; uint16 royaltyBps; uint40 mintedAt; }",
  "function ownerOf(uint256 tokenId) view returns (address)",
  "function tokenURI(uint256 tokenId) view returns (string)",
  "function royaltyInfo(uint256 tokenId, uint256 salePrice) view returns (address receiver, uint256 amount)",
  "function supportsInterface(bytes4 interfaceId) view returns (bool)",
  "function provenanceOf(uint256 tokenId) view returns (Provenance)",
  "function verifyPromptHistory(uint256 tokenId, bytes prompt) view returns (bool)",
  "function verifyAsset(uint256 tokenId, bytes32 assetDigest) view returns (bool)",
  "function voucherDigest(MintVoucher voucher) view returns (bytes32)",
  "function redeem(MintVoucher voucher, address signer, bytes signature) payable returns (uint256 tokenId)",
  "event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
  "event PromptRecorded(uint256 indexed tokenId, bytes prompt)",
  "event VoucherRedeemed(bytes32 indexed uid, uint256 indexed tokenId, address indexed signer, uint256 price)",
]);

export const publicClient = (url) => createPublicClient({ transport: http(url) });

export async function input() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return JSON.parse(text);
}

export const output = (value) =>
  console.log(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? item.toString() : item)));
