// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {GitexProxy} from "../../src/GitexProxy.sol";

import {GitexNFT} from "../../src/GitexNFT.sol";
import {IGitexNFT} from "../../src/interfaces/IGitexNFT.sol";
import {BaseTest} from "./BaseTest.sol";

/// @dev A collection behind its proxy, and requests that are good.
abstract contract NFTFixture is BaseTest {
    address internal immutable MINTER = _actor("minter");
    address internal immutable CREATOR = _actor("creator");
    address internal immutable TREASURY = _actor("treasury");
    uint16 internal constant ROYALTY_BPS = 250;

    GitexNFT internal nft;

    function setUp() public virtual {
        nft = _collection(ADMIN);
    }

    function _collection(address admin) internal returns (GitexNFT) {
        bytes memory call = abi.encodeCall(GitexNFT.initialize, (admin, MINTER, TREASURY, ROYALTY_BPS));
        return GitexNFT(address(new GitexProxy(address(new GitexNFT()), call)));
    }

    function _request(bytes32 assetDigest) internal view returns (IGitexNFT.MintRequest memory) {
        return IGitexNFT.MintRequest({
            to: CREATOR,
            creator: CREATOR,
            assetDigest: assetDigest,
            metadataDigest: keccak256(abi.encode("metadata", assetDigest)),
            modelDigest: keccak256("model"),
            metadataCodec: 0x55,
            royaltyBps: 0,
            prompt: bytes('["a star","a red star"]')
        });
    }

    function _voucher(bytes32 assetDigest) internal view returns (IGitexNFT.MintVoucher memory) {
        return IGitexNFT.MintVoucher({
            uid: keccak256(abi.encode("uid", assetDigest)),
            deadline: uint64(block.timestamp + 1 hours),
            price: 0.01 ether,
            request: _request(assetDigest)
        });
    }

    function _sign(string memory signer, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key(signer), digest);
        return abi.encodePacked(r, s, v);
    }
}
