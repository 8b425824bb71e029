// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";

import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {RefusingReceiver, WalletContract} from "./mocks/Receivers.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

contract GitexNFTVoucherTest is NFTFixture {
    bytes32 private constant ASSET = keccak256("asset");

    function setUp() public override {
        super.setUp();
        vm.deal(CREATOR, 1 ether);
    }

    function test_redeem_mintsAndPaysTheFeeReceiver() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        vm.expectEmit(address(nft));
        emit IGitexNFT.VoucherRedeemed(voucher.uid, uint256(ASSET), MINTER, voucher.price);
        uint256 tokenId = _redeem(voucher);
        vm.assertEq(nft.ownerOf(tokenId), CREATOR);
        vm.assertEq(TREASURY.balance, voucher.price);
        vm.assertEq(address(nft).balance, 0);
        vm.assertTrue(nft.isVoucherUsed(voucher.uid));
    }

    function test_redeem_takesAFreeVoucher() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        voucher.price = 0;
        vm.assertEq(_redeem(voucher), uint256(ASSET));
    }

    function test_redeem_takesAWalletContractsSignature() public {
        WalletContract wallet = new WalletContract(_actor("owner of the wallet"));
        bytes32 minter = nft.MINTER_ROLE();
        vm.prank(ADMIN);
        nft.grantRole(minter, address(wallet));
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes32 digest = nft.voucherDigest(voucher);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, address(wallet)));
        _redeemSigned(voucher, address(wallet), _sign("somebody else", digest));
        _redeemSigned(voucher, address(wallet), _sign("owner of the wallet", digest));
        vm.assertTrue(nft.isMinted(ASSET));
    }

    function test_redeem_revertsWithWrongSignature() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes32 digest = nft.voucherDigest(voucher);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, MINTER));
        _redeemSigned(voucher, MINTER, _sign("stranger", digest));
        // A good signature of somebody who may not mint.
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, STRANGER));
        _redeemSigned(voucher, STRANGER, _sign("stranger", digest));
    }

    function test_redeem_revertsWithWrongSignatureForEveryChangedField() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        for (uint256 field = 0; field < 10; ++field) {
            IGitexNFT.MintVoucher memory changed = _changed(field);
            vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, MINTER));
            vm.prank(changed.request.creator);
            nft.redeem{value: changed.price}(changed, MINTER, signature);
        }
        _redeemSigned(voucher, MINTER, signature);
    }

    function test_redeem_revertsWithWrongSignatureOnAnotherChainOrContract() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        IGitexNFT other = _collection(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, MINTER));
        vm.prank(CREATOR);
        other.redeem{value: voucher.price}(voucher, MINTER, signature);
        vm.chainId(31_338);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongSignature.selector, MINTER));
        _redeemSigned(voucher, MINTER, signature);
    }

    function test_redeem_revertsWithVoucherUsed() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        _redeem(voucher);
        // Another asset under the same uid.
        IGitexNFT.MintVoucher memory again = _voucher(keccak256("another"));
        again.uid = voucher.uid;
        bytes memory signature = _sign("minter", nft.voucherDigest(again));
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__VoucherUsed.selector, voucher.uid));
        _redeemSigned(again, MINTER, signature);
    }

    function test_redeem_revertsWithAlreadyMinted() public {
        vm.prank(MINTER);
        nft.mint(_request(ASSET));
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__AlreadyMinted.selector, ASSET));
        _redeemSigned(voucher, MINTER, signature);
        vm.assertEq(CREATOR.balance, 1 ether);
    }

    function test_redeem_revertsWithVoucherExpired() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.warp(voucher.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__VoucherExpired.selector, voucher.deadline));
        _redeemSigned(voucher, MINTER, signature);
        vm.warp(voucher.deadline);
        _redeemSigned(voucher, MINTER, signature);
    }

    function test_redeem_revertsWithNotTheCreator() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.deal(STRANGER, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__NotTheCreator.selector, STRANGER, CREATOR));
        vm.prank(STRANGER);
        nft.redeem{value: voucher.price}(voucher, MINTER, signature);
    }

    function test_redeem_revertsWithWrongPrice() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        for (uint256 sent = voucher.price - 1; sent <= voucher.price + 1; sent += 2) {
            vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__WrongPrice.selector, sent, voucher.price));
            vm.prank(CREATOR);
            nft.redeem{value: sent}(voucher, MINTER, signature);
        }
    }

    function test_redeem_revertsWithPaymentRefused() public {
        address receiver = address(new RefusingReceiver());
        vm.prank(ADMIN);
        nft.setFeeReceiver(receiver);
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__PaymentRefused.selector, receiver));
        _redeemSigned(voucher, MINTER, signature);
    }

    function test_redeem_revertsWithEnforcedPause() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.prank(ADMIN);
        nft.pause();
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        _redeemSigned(voucher, MINTER, signature);
    }

    function test_cancelVoucher_makesItVoid() public {
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.prank(MINTER);
        nft.cancelVoucher(voucher.uid);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__VoucherUsed.selector, voucher.uid));
        _redeemSigned(voucher, MINTER, signature);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__VoucherUsed.selector, voucher.uid));
        vm.prank(MINTER);
        nft.cancelVoucher(voucher.uid);
    }

    function test_cancelVoucher_revertsWithoutTheMinterRole() public {
        _expectMissingRole(STRANGER, nft.MINTER_ROLE());
        vm.prank(STRANGER);
        nft.cancelVoucher("uid");
    }

    function test_voucherDigest_isTheOneOfEip712() public view {
        // Built from the standard's text alone.
        IGitexNFT.MintVoucher memory voucher = _voucher(ASSET);
        IGitexNFT.MintRequest memory request = voucher.request;
        bytes32 requestType = keccak256(
            "MintRequest(address to,address creator,bytes32 assetDigest,bytes32 metadataDigest,bytes32 modelDigest,uint8 metadataCodec,uint16 royaltyBps,bytes prompt)"
        );
        bytes32 voucherType = keccak256(
            "MintVoucher(bytes32 uid,uint64 deadline,uint256 price,MintRequest request)MintRequest(address to,address creator,bytes32 assetDigest,bytes32 metadataDigest,bytes32 modelDigest,uint8 metadataCodec,uint16 royaltyBps,bytes prompt)"
        );
        bytes32 requestHash = keccak256(
            bytes.concat(
                abi.encode(requestType, request.to, request.creator, request.assetDigest, request.metadataDigest),
                abi.encode(request.modelDigest, request.metadataCodec, request.royaltyBps, keccak256(request.prompt))
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("GitexNFT"),
                keccak256("1"),
                block.chainid,
                address(nft)
            )
        );
        bytes32 hash = keccak256(abi.encode(voucherType, voucher.uid, voucher.deadline, voucher.price, requestHash));
        vm.assertEq(nft.voucherDigest(voucher), keccak256(abi.encodePacked(hex"1901", domain, hash)));
    }

    function _changed(uint256 field) private returns (IGitexNFT.MintVoucher memory voucher) {
        voucher = _voucher(ASSET);
        if (field == 0) voucher.uid = "another";
        if (field == 1) voucher.deadline += 1;
        if (field == 2) voucher.price -= 1;
        if (field == 3) voucher.request.to = STRANGER;
        if (field == 4) voucher.request.assetDigest = "another";
        if (field == 5) voucher.request.metadataDigest = "another";
        if (field == 6) voucher.request.modelDigest = "another";
        if (field == 7) voucher.request.metadataCodec = 0x70;
        if (field == 8) voucher.request.royaltyBps = 1;
        if (field == 9) {
            voucher.request.creator = STRANGER;
            vm.deal(STRANGER, 1 ether);
        }
    }

    function _redeem(IGitexNFT.MintVoucher memory voucher) private returns (uint256) {
        return _redeemSigned(voucher, MINTER, _sign("minter", nft.voucherDigest(voucher)));
    }

    function _redeemSigned(IGitexNFT.MintVoucher memory voucher, address signer, bytes memory signature)
        private
        returns (uint256)
    {
        vm.prank(CREATOR);
        return nft.redeem{value: voucher.price}(voucher, signer, signature);
    }
}
