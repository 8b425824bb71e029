// Reads a token back: { url, nft, tokenId, assetDigest, fromBlock }.
import { hexToString } from "viem";
import { abi, input, output, publicClient } from "./contract.mjs";

const { url, nft, tokenId, assetDigest, fromBlock } = await input();
const client = publicClient(url);
const id = BigInt(tokenId);
const read = (functionName, ...args) => client.readContract({ address: nft, abi, functionName, args });
const events = (eventName) =>
  client.getContractEvents({ address: nft, abi, eventName, args: { tokenId: id }, fromBlock: BigInt(fromBlock) });

const prompts = await events("PromptRecorded");
const prompt = prompts[0].args.prompt;
output({
  owner: await read("ownerOf", id),
  tokenURI: await read("tokenURI", id),
  provenance: await read("provenanceOf", id),
  royalty: await read("royaltyInfo", id, 10_000n),
  prompt: hexToString(prompt),
  promptMatches: await read("verifyPromptHistory", id, prompt),
  otherPromptMatches: await read("verifyPromptHistory", id, `${prompt}00`),
  assetMatches: await read("verifyAsset", id, assetDigest),
  interfaces: await Promise.all(["0x80ac58cd", "0x2a55205a", "0x49064906"].map((each) => read("supportsInterface", each))),
  transfers: (await events("Transfer")).map(({ args, transactionHash }) => ({ ...args, transactionHash })),
  events: prompts.length,
});
