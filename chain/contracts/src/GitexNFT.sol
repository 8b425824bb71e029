// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721Utils} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Utils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {
    AccessControlDefaultAdminRulesUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/extensions/AccessControlDefaultAdminRulesUpgradeable.sol";
import {ERC721Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC721/ERC721Upgradeable.sol";
import {ERC2981Upgradeable} from "@openzeppelin/contracts-upgradeable/token/common/ERC2981Upgradeable.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";

import {Governed} from "./Governed.sol";
import {TokenRecords} from "./TokenRecords.sol";
import {IGitexNFT} from "./interfaces/IGitexNFT.sol";

/// @title GitexNFT
contract GitexNFT is IERC4906, Governed, TokenRecords, ERC2981Upgradeable, EIP712Upgradeable {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    uint256 public constant MAX_BATCH = 64;

    bytes32 public constant REQUEST_TYPEHASH = keccak256(
        "MintRequest(address to,address creator,bytes32 assetDigest,bytes32 metadataDigest,bytes32 modelDigest,uint8 metadataCodec,uint16 royaltyBps,bytes prompt)"
    );
    bytes32 public constant VOUCHER_TYPEHASH = keccak256(
        "MintVoucher(bytes32 uid,uint64 deadline,uint256 price,MintRequest request)MintRequest(address to,address creator,bytes32 assetDigest,bytes32 metadataDigest,bytes32 modelDigest,uint8 metadataCodec,uint16 royaltyBps,bytes prompt)"
    );

    /// @custom:storage-location erc7201:gitex.storage.GitexNFT
    struct NFTStorage {
        mapping(bytes32 uid => bool) usedVouchers;
        address feeReceiver;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.GitexNFT")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant NFT_STORAGE = 0xc0e9e729ed2087124adc3afe70a55b7f0319da2df8a49408e661799d36da0000;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up behind a proxy.
    /// @param admin The timelock.
    /// @param minter The service's first minting key.
    /// @param receiver Where vouchers' prices and the collection's royalties go.
    function initialize(address admin, address minter, address receiver, uint16 royaltyBps) external initializer {
        __Governed_init(admin);
        __ERC721_init("Gitex", "GITEX");
        __ERC2981_init();
        __EIP712_init("GitexNFT", "1");
        if (minter == address(0)) revert GitexNFT__ZeroAddress();
        _grantRole(MINTER_ROLE, minter);
        _setFeeReceiver(receiver);
        _setRoyalty(receiver, royaltyBps);
    }

    /// @inheritdoc IGitexNFT
    function mint(MintRequest calldata request) external onlyRole(MINTER_ROLE) whenNotPaused returns (uint256 tokenId) {
        tokenId = _record(request);
        _safeMint(request.to, tokenId);
    }

    /// @inheritdoc IGitexNFT
    function mintBatch(MintRequest[] calldata requests)
        external
        onlyRole(MINTER_ROLE)
        whenNotPaused
        returns (uint256[] memory tokenIds)
    {
        uint256 size = requests.length;
        if (size == 0 || size > MAX_BATCH) revert GitexNFT__BatchSize(size);
        tokenIds = new uint256[](size);
        for (uint256 i = 0; i < size; ++i) {
            tokenIds[i] = _record(requests[i]);
            _mint(requests[i].to, tokenIds[i]);
        }
        // Recipients are asked when all tokens stand, so that none of them sees half a batch.
        for (uint256 i = 0; i < size; ++i) {
            _checkRecipient(requests[i].to, tokenIds[i]);
        }
    }

    /// @inheritdoc IGitexNFT
    function redeem(MintVoucher calldata voucher, address signer, bytes calldata signature)
        external
        payable
        whenNotPaused
        returns (uint256 tokenId)
    {
        _checkVoucher(voucher, signer, signature);
        NFTStorage storage $ = _nftStorage();
        $.usedVouchers[voucher.uid] = true;
        tokenId = _record(voucher.request);
        emit VoucherRedeemed(voucher.uid, tokenId, signer, voucher.price);
        address receiver = $.feeReceiver;
        _mint(voucher.request.to, tokenId);
        if (voucher.price != 0) {
            (bool taken,) = receiver.call{value: voucher.price}("");
            if (!taken) revert GitexNFT__PaymentRefused(receiver);
        }
        _checkRecipient(voucher.request.to, tokenId);
    }

    /// @inheritdoc IGitexNFT
    function cancelVoucher(bytes32 uid) external onlyRole(MINTER_ROLE) {
        NFTStorage storage $ = _nftStorage();
        if ($.usedVouchers[uid]) revert GitexNFT__VoucherUsed(uid);
        $.usedVouchers[uid] = true;
        emit VoucherCancelled(uid);
    }

    /// @inheritdoc IGitexNFT
    function setMetadata(uint256 tokenId, uint8 metadataCodec, bytes32 metadataDigest)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        _setMetadata(tokenId, metadataCodec, metadataDigest);
        emit MetadataUpdate(tokenId);
    }

    /// @inheritdoc IGitexNFT
    function setDefaultRoyalty(address receiver, uint16 royaltyBps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setRoyalty(receiver, royaltyBps);
    }

    /// @inheritdoc IGitexNFT
    function setFeeReceiver(address receiver) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setFeeReceiver(receiver);
    }

    /// @inheritdoc IGitexNFT
    function isVoucherUsed(bytes32 uid) external view returns (bool) {
        return _nftStorage().usedVouchers[uid];
    }

    /// @inheritdoc IGitexNFT
    function feeReceiver() external view returns (address) {
        return _nftStorage().feeReceiver;
    }

    /// @inheritdoc IGitexNFT
    function voucherDigest(MintVoucher calldata voucher) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(VOUCHER_TYPEHASH, voucher.uid, voucher.deadline, voucher.price, _hash(voucher.request))
            )
        );
    }

    /// @notice To the creator where the token has a royalty of its own, else the collection's (ERC-2981).
    function royaltyInfo(uint256 tokenId, uint256 salePrice) public view override returns (address, uint256) {
        (address creator, uint256 royaltyBps) = _ownRoyalty(tokenId);
        if (royaltyBps == 0) return super.royaltyInfo(tokenId, salePrice);
        return (creator, salePrice * royaltyBps / _feeDenominator());
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(IERC165, AccessControlDefaultAdminRulesUpgradeable, ERC721Upgradeable, ERC2981Upgradeable)
        returns (bool)
    {
        // ERC-4906 has no functions; its id is fixed by the standard.
        return interfaceId == bytes4(0x49064906) || interfaceId == type(IGitexNFT).interfaceId
            || super.supportsInterface(interfaceId);
    }

    function _setRoyalty(address receiver, uint16 royaltyBps) private {
        if (royaltyBps > MAX_ROYALTY_BPS) revert GitexNFT__RoyaltyTooHigh(royaltyBps);
        _setDefaultRoyalty(receiver, royaltyBps);
        emit DefaultRoyaltyChanged(receiver, royaltyBps);
    }

    function _setFeeReceiver(address receiver) private {
        if (receiver == address(0)) revert GitexNFT__ZeroAddress();
        _nftStorage().feeReceiver = receiver;
        emit FeeReceiverChanged(receiver);
    }

    function _checkRecipient(address to, uint256 tokenId) private {
        ERC721Utils.checkOnERC721Received(_msgSender(), address(0), to, tokenId, "");
    }

    function _checkVoucher(MintVoucher calldata voucher, address signer, bytes calldata signature) private view {
        if (msg.sender != voucher.request.creator) {
            revert GitexNFT__NotTheCreator(msg.sender, voucher.request.creator);
        }
        if (block.timestamp > voucher.deadline) revert GitexNFT__VoucherExpired(voucher.deadline);
        if (_nftStorage().usedVouchers[voucher.uid]) revert GitexNFT__VoucherUsed(voucher.uid);
        if (msg.value != voucher.price) revert GitexNFT__WrongPrice(msg.value, voucher.price);
        if (
            !hasRole(MINTER_ROLE, signer)
                || !SignatureChecker.isValidSignatureNow(signer, voucherDigest(voucher), signature)
        ) revert GitexNFT__WrongSignature(signer);
    }

    function _hash(MintRequest calldata request) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                REQUEST_TYPEHASH,
                request.to,
                request.creator,
                request.assetDigest,
                request.metadataDigest,
                request.modelDigest,
                request.metadataCodec,
                request.royaltyBps,
                keccak256(request.prompt)
            )
        );
    }

    function _nftStorage() private pure returns (NFTStorage storage $) {
        assembly ("memory-safe") {
            $.slot := NFT_STORAGE
        }
    }
}
