// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {GitexNFT} from "../src/GitexNFT.sol";
import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

/// @dev Mints in all three ways, out of so few assets that most calls meet one that is minted.
contract NFTHandler is NFTFixture {
    uint256 private constant ASSETS = 24;

    bytes32[] private _minted;

    constructor(GitexNFT collection) {
        nft = collection;
    }

    function minted() external view returns (bytes32[] memory) {
        return _minted;
    }

    function mint(uint256 seed) external {
        bytes32 asset = _asset(seed);
        bool known = nft.isMinted(asset);
        vm.prank(MINTER);
        try nft.mint(_request(asset)) {
            _note(asset, known);
        } catch (bytes memory reason) {
            _checkTwin(reason, known);
        }
    }

    function mintBatch(uint256 first, uint256 second) external {
        IGitexNFT.MintRequest[] memory requests = new IGitexNFT.MintRequest[](2);
        requests[0] = _request(_asset(first));
        requests[1] = _request(_asset(second));
        bool twin = _asset(first) == _asset(second);
        bool known = twin || nft.isMinted(_asset(first)) || nft.isMinted(_asset(second));
        vm.prank(MINTER);
        try nft.mintBatch(requests) {
            _note(_asset(first), known);
            _note(_asset(second), known);
        } catch (bytes memory reason) {
            _checkTwin(reason, known);
        }
    }

    function redeem(uint256 seed) external {
        bytes32 asset = _asset(seed);
        bool known = nft.isMinted(asset);
        IGitexNFT.MintVoucher memory voucher = _voucher(asset);
        // A uid of its own, so that the asset alone decides.
        voucher.uid = keccak256(abi.encode(seed, _minted.length, block.timestamp));
        voucher.price = 0;
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        if (nft.isVoucherUsed(voucher.uid)) return;
        vm.prank(CREATOR);
        try nft.redeem(voucher, MINTER, signature) {
            _note(asset, known);
        } catch (bytes memory reason) {
            _checkTwin(reason, known);
        }
    }

    function transfer(uint256 which, address to) external {
        if (_minted.length == 0 || to == address(0) || to.code.length != 0) return;
        uint256 tokenId = uint256(_minted[which % _minted.length]);
        address owner = nft.ownerOf(tokenId);
        vm.prank(owner);
        nft.transferFrom(owner, to, tokenId);
    }

    function _note(bytes32 asset, bool known) private {
        vm.assertFalse(known, "an asset was minted twice");
        _minted.push(asset);
    }

    function _checkTwin(bytes memory reason, bool known) private pure {
        vm.assertTrue(known, "a new asset was refused");
        vm.assertEq(bytes32(bytes4(reason)), bytes32(IGitexNFT.GitexNFT__AlreadyMinted.selector));
    }

    function _asset(uint256 seed) private pure returns (bytes32) {
        return keccak256(abi.encode(seed % ASSETS));
    }
}

contract GitexNFTInvariants is NFTFixture {
    NFTHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new NFTHandler(nft);
        _target(address(handler));
    }

    /// @dev Forge reads it: not the fixture's own functions.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](4));
        targets[0].selectors[0] = NFTHandler.mint.selector;
        targets[0].selectors[1] = NFTHandler.mintBatch.selector;
        targets[0].selectors[2] = NFTHandler.redeem.selector;
        targets[0].selectors[3] = NFTHandler.transfer.selector;
    }

    function invariant_tokensAreUniqueDigests() public view {
        bytes32[] memory minted = handler.minted();
        vm.assertEq(nft.totalSupply(), minted.length);
        for (uint256 i = 0; i < minted.length; ++i) {
            vm.assertTrue(nft.verifyAsset(uint256(minted[i]), minted[i]));
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(minted[i] != minted[j]);
            }
        }
    }
}
