// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC721Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC721/ERC721Upgradeable.sol";

import {IGitexNFT} from "./interfaces/IGitexNFT.sol";
import {Cid} from "./libraries/Cid.sol";

/// @title What the chain keeps of each token
abstract contract TokenRecords is IGitexNFT, ERC721Upgradeable {
    uint256 public constant MAX_PROMPT_BYTES = 16_384;
    uint16 public constant MAX_ROYALTY_BPS = 1_000;

    /// @dev Four slots a token. The asset's digest is the key.
    struct Record {
        bytes32 metadataDigest;
        bytes32 modelDigest;
        bytes32 promptDigest;
        address creator;
        uint8 metadataCodec;
        uint16 royaltyBps;
        uint40 mintedAt;
    }

    /// @custom:storage-location erc7201:gitex.storage.TokenRecords
    struct RecordsStorage {
        mapping(uint256 tokenId => Record) records;
        uint256 totalSupply;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.TokenRecords")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant RECORDS_STORAGE = 0x36743ded9d695a588debafea662ae10aa2eb72b7d2901c3d61fc334cace71300;

    /// @inheritdoc IGitexNFT
    function provenanceOf(uint256 tokenId) external view returns (Provenance memory) {
        _requireOwned(tokenId);
        Record storage record = _recordsStorage().records[tokenId];
        return Provenance({
            assetDigest: bytes32(tokenId),
            metadataDigest: record.metadataDigest,
            modelDigest: record.modelDigest,
            promptDigest: record.promptDigest,
            creator: record.creator,
            metadataCodec: record.metadataCodec,
            royaltyBps: record.royaltyBps,
            mintedAt: record.mintedAt
        });
    }

    /// @inheritdoc IGitexNFT
    function verifyPromptHistory(uint256 tokenId, bytes calldata prompt) external view returns (bool) {
        _requireOwned(tokenId);
        return sha256(prompt) == _recordsStorage().records[tokenId].promptDigest;
    }

    /// @inheritdoc IGitexNFT
    function verifyAsset(uint256 tokenId, bytes32 assetDigest) external view returns (bool) {
        _requireOwned(tokenId);
        return bytes32(tokenId) == assetDigest;
    }

    /// @inheritdoc IGitexNFT
    function isMinted(bytes32 assetDigest) external view returns (bool) {
        return _ownerOf(uint256(assetDigest)) != address(0);
    }

    /// @inheritdoc IGitexNFT
    function totalSupply() external view returns (uint256) {
        return _recordsStorage().totalSupply;
    }

    /// @notice `ipfs://` and the CID of the metadata document.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        Record storage record = _recordsStorage().records[tokenId];
        return string.concat("ipfs://", Cid.toString(record.metadataCodec, record.metadataDigest));
    }

    function _record(MintRequest calldata request) internal returns (uint256 tokenId) {
        _check(request);
        _recordsStorage().totalSupply += 1;
        tokenId = uint256(request.assetDigest);
        bytes32 promptDigest = sha256(request.prompt);
        _recordsStorage().records[tokenId] = Record({
            metadataDigest: request.metadataDigest,
            modelDigest: request.modelDigest,
            promptDigest: promptDigest,
            creator: request.creator,
            metadataCodec: request.metadataCodec,
            royaltyBps: request.royaltyBps,
            mintedAt: uint40(block.timestamp)
        });
        emit ProvenanceRecorded(tokenId, request.creator, request.modelDigest, promptDigest, request.metadataDigest);
        emit PromptRecorded(tokenId, request.prompt);
    }

    function _setMetadata(uint256 tokenId, uint8 metadataCodec, bytes32 metadataDigest) internal {
        _requireOwned(tokenId);
        _checkMetadata(metadataCodec, metadataDigest);
        Record storage record = _recordsStorage().records[tokenId];
        record.metadataCodec = metadataCodec;
        record.metadataDigest = metadataDigest;
    }

    /// @dev Zero basis points for a token that has none of its own, or is not there.
    function _ownRoyalty(uint256 tokenId) internal view returns (address creator, uint256 royaltyBps) {
        Record storage record = _recordsStorage().records[tokenId];
        return (record.creator, record.royaltyBps);
    }

    function _check(MintRequest calldata request) private view {
        if (request.assetDigest == 0 || request.modelDigest == 0) revert GitexNFT__ZeroDigest();
        if (request.to == address(0) || request.creator == address(0)) revert GitexNFT__ZeroAddress();
        if (_ownerOf(uint256(request.assetDigest)) != address(0)) {
            revert GitexNFT__AlreadyMinted(request.assetDigest);
        }
        if (request.royaltyBps > MAX_ROYALTY_BPS) revert GitexNFT__RoyaltyTooHigh(request.royaltyBps);
        if (request.prompt.length == 0 || request.prompt.length > MAX_PROMPT_BYTES) {
            revert GitexNFT__PromptSize(request.prompt.length);
        }
        _checkMetadata(request.metadataCodec, request.metadataDigest);
    }

    function _checkMetadata(uint8 codec, bytes32 digest) private pure {
        if (codec != Cid.RAW && codec != Cid.DAG_PB) revert GitexNFT__UnknownCodec(codec);
        if (digest == 0) revert GitexNFT__ZeroDigest();
    }

    function _recordsStorage() private pure returns (RecordsStorage storage $) {
        assembly ("memory-safe") {
            $.slot := RECORDS_STORAGE
        }
    }
}
