// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Tokens of generated pictures, with their provenance on chain
/// @notice A token's id is the SHA-256 of its asset, read as a number: one asset mints once, and neither the order of
/// transactions nor a reorganisation of the chain changes an id. Tokens are never burnt.
/// @dev `prompt` means what it means in ERC-7007. Conformance with ERC-7007 is not claimed.
interface IGitexNFT {
    /// @notice What is minted, and for whom.
    struct MintRequest {
        /// @dev Who gets the token.
        address to;
        /// @dev The wallet that the provenance names, and that gets the token's royalties.
        address creator;
        /// @dev SHA-256 of the asset's bytes.
        bytes32 assetDigest;
        /// @dev SHA2-256 digest in the metadata document's CID.
        bytes32 metadataDigest;
        /// @dev SHA-256 that names the model's weights.
        bytes32 modelDigest;
        /// @dev Codec in the metadata document's CID: 0x55 (raw) or 0x70 (dag-pb).
        uint8 metadataCodec;
        /// @dev The creator's royalty in basis points; 0 for the collection's.
        uint16 royaltyBps;
        /// @dev The whole prompt history, as a canonical JSON array of strings.
        bytes prompt;
    }

    /// @notice A mint that the service has signed and the creator pays for. Bound to the chain and to this contract.
    struct MintVoucher {
        /// @dev Chosen by the service; redeemed or cancelled once.
        bytes32 uid;
        /// @dev Last second, of the block's time, at which it is good.
        uint64 deadline;
        /// @dev In wei of the native coin, to be sent exactly.
        uint256 price;
        /// @dev What it mints. Only `request.creator` may redeem.
        MintRequest request;
    }

    /// @notice What the chain knows of a token, besides the prompt history, which lies in `PromptRecorded`.
    struct Provenance {
        bytes32 assetDigest;
        bytes32 metadataDigest;
        bytes32 modelDigest;
        /// @dev SHA-256 of the prompt history's bytes.
        bytes32 promptDigest;
        address creator;
        uint8 metadataCodec;
        uint16 royaltyBps;
        uint40 mintedAt;
    }

    /// @notice A token was minted, with this provenance.
    event ProvenanceRecorded(
        uint256 indexed tokenId,
        address indexed creator,
        bytes32 indexed modelDigest,
        bytes32 promptDigest,
        bytes32 metadataDigest
    );
    /// @notice The token's whole prompt history.
    event PromptRecorded(uint256 indexed tokenId, bytes prompt);
    /// @notice A voucher was redeemed.
    event VoucherRedeemed(bytes32 indexed uid, uint256 indexed tokenId, address indexed signer, uint256 price);
    /// @notice A voucher will never be redeemed.
    event VoucherCancelled(bytes32 indexed uid);
    /// @notice Marketplaces are asked to pay this royalty where a token has none of its own.
    event DefaultRoyaltyChanged(address receiver, uint16 royaltyBps);
    /// @notice Vouchers' prices go there.
    event FeeReceiverChanged(address feeReceiver);

    /// @notice This asset has its token.
    error GitexNFT__AlreadyMinted(bytes32 assetDigest);
    /// @notice The batch is empty or has more than `MAX_BATCH` requests.
    error GitexNFT__BatchSize(uint256 size);
    /// @notice Only the voucher's creator may redeem it.
    error GitexNFT__NotTheCreator(address caller, address creator);
    /// @notice The fee receiver did not take the price.
    error GitexNFT__PaymentRefused(address feeReceiver);
    /// @notice The prompt history is empty or longer than `MAX_PROMPT_BYTES`.
    error GitexNFT__PromptSize(uint256 size);
    /// @notice A royalty above `MAX_ROYALTY_BPS`.
    error GitexNFT__RoyaltyTooHigh(uint256 royaltyBps);
    /// @notice The codec is neither raw nor dag-pb.
    error GitexNFT__UnknownCodec(uint8 codec);
    /// @notice The voucher's deadline is past.
    error GitexNFT__VoucherExpired(uint256 deadline);
    /// @notice The voucher was redeemed or cancelled.
    error GitexNFT__VoucherUsed(bytes32 uid);
    /// @notice The price was not sent exactly.
    error GitexNFT__WrongPrice(uint256 sent, uint256 price);
    /// @notice Nobody who may mint has signed this voucher.
    error GitexNFT__WrongSignature(address signer);
    /// @notice An address that must not be zero is.
    error GitexNFT__ZeroAddress();
    /// @notice A digest that must not be zero is.
    error GitexNFT__ZeroDigest();

    /// @notice Mint one token. Reverts if the recipient is a contract that refuses it.
    /// @dev Only `MINTER_ROLE`, and not while paused.
    /// @return tokenId The asset's digest as a number.
    function mint(MintRequest calldata request) external returns (uint256 tokenId);

    /// @notice Mint up to `MAX_BATCH` tokens, all or none.
    /// @dev Only `MINTER_ROLE`, and not while paused.
    /// @return tokenIds In the order of the requests.
    function mintBatch(MintRequest[] calldata requests) external returns (uint256[] memory tokenIds);

    /// @notice Mint what the service has signed for the caller.
    /// @param signer Holder of `MINTER_ROLE` who signed: a key, or a wallet contract by ERC-1271.
    /// @return tokenId The asset's digest as a number.
    function redeem(MintVoucher calldata voucher, address signer, bytes calldata signature)
        external
        payable
        returns (uint256 tokenId);

    /// @notice Make a voucher void.
    /// @dev Only `MINTER_ROLE`.
    function cancelVoucher(bytes32 uid) external;

    /// @notice Point a token to another metadata document; its provenance stays.
    /// @dev Only the admin. Emits ERC-4906's `MetadataUpdate`.
    function setMetadata(uint256 tokenId, uint8 metadataCodec, bytes32 metadataDigest) external;

    /// @notice Set the royalty of tokens that have none of their own.
    /// @dev Only the admin.
    function setDefaultRoyalty(address receiver, uint16 royaltyBps) external;

    /// @notice Set where vouchers' prices go.
    /// @dev Only the admin.
    function setFeeReceiver(address receiver) external;

    /// @notice What the chain knows of a token. Reverts if there is none.
    function provenanceOf(uint256 tokenId) external view returns (Provenance memory);

    /// @notice Whether this is the prompt history that the token was minted with. Reverts if there is no such token.
    function verifyPromptHistory(uint256 tokenId, bytes calldata prompt) external view returns (bool);

    /// @notice Whether the token is this asset's. Reverts if there is no such token.
    function verifyAsset(uint256 tokenId, bytes32 assetDigest) external view returns (bool);

    /// @notice Whether the asset has its token.
    function isMinted(bytes32 assetDigest) external view returns (bool);

    /// @notice Whether a voucher was redeemed or cancelled.
    function isVoucherUsed(bytes32 uid) external view returns (bool);

    /// @notice The EIP-712 digest that signs a voucher on this chain for this contract.
    function voucherDigest(MintVoucher calldata voucher) external view returns (bytes32);

    /// @notice How many tokens there are.
    function totalSupply() external view returns (uint256);

    /// @notice Where vouchers' prices go.
    function feeReceiver() external view returns (address);
}
