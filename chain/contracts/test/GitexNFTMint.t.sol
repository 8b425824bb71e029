// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {RefusingReceiver, ReentrantReceiver} from "./mocks/Receivers.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

contract GitexNFTMintTest is NFTFixture {
    bytes32 private constant ASSET = keccak256("asset");

    function test_mint_givesTheTokenToTheRecipient() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.to = STRANGER;
        uint256 tokenId = _mint(request);
        vm.assertEq(tokenId, uint256(ASSET));
        vm.assertEq(nft.ownerOf(tokenId), STRANGER);
        vm.assertEq(nft.totalSupply(), 1);
        vm.assertTrue(nft.isMinted(ASSET));
    }

    function test_mint_keepsTheProvenance() public {
        vm.warp(1_800_000_000);
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.royaltyBps = 500;
        request.metadataCodec = 0x70;
        IGitexNFT.Provenance memory kept = nft.provenanceOf(_mint(request));
        vm.assertEq(kept.assetDigest, ASSET);
        vm.assertEq(kept.metadataDigest, request.metadataDigest);
        vm.assertEq(kept.modelDigest, request.modelDigest);
        vm.assertEq(kept.promptDigest, sha256(request.prompt));
        vm.assertEq(kept.creator, CREATOR);
        vm.assertEq(kept.metadataCodec, 0x70);
        vm.assertEq(kept.royaltyBps, 500);
        vm.assertEq(kept.mintedAt, 1_800_000_000);
    }

    function test_mint_putsTheWholePromptHistoryIntoAnEvent() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        vm.expectEmit(address(nft));
        emit IGitexNFT.ProvenanceRecorded(
            uint256(ASSET), CREATOR, request.modelDigest, sha256(request.prompt), request.metadataDigest
        );
        vm.expectEmit(address(nft));
        emit IGitexNFT.PromptRecorded(uint256(ASSET), request.prompt);
        _mint(request);
    }

    function test_mint_revertsWithAlreadyMinted() public {
        _mint(_request(ASSET));
        IGitexNFT.MintRequest memory again = _request(ASSET);
        again.to = STRANGER;
        again.prompt = "[]";
        _refused(again, abi.encodeWithSelector(IGitexNFT.GitexNFT__AlreadyMinted.selector, ASSET));
    }

    function test_mint_revertsWithoutTheMinterRole() public {
        bytes32 minter = nft.MINTER_ROLE();
        _expectMissingRole(STRANGER, minter);
        vm.prank(STRANGER);
        nft.mint(_request(ASSET));
        _expectMissingRole(ADMIN, minter);
        vm.prank(ADMIN);
        nft.mint(_request(ASSET));
    }

    function test_mint_revertsWithEnforcedPause() public {
        vm.prank(ADMIN);
        nft.pause();
        _refused(_request(ASSET), abi.encodeWithSelector(PausableUpgradeable.EnforcedPause.selector));
        vm.prank(ADMIN);
        nft.unpause();
        _mint(_request(ASSET));
    }

    function test_mint_revertsWithZeroDigest() public {
        bytes memory reason = abi.encodeWithSelector(IGitexNFT.GitexNFT__ZeroDigest.selector);
        _refused(_request(0), reason);
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.metadataDigest = 0;
        _refused(request, reason);
        request = _request(ASSET);
        request.modelDigest = 0;
        _refused(request, reason);
    }

    function test_mint_revertsWithZeroAddress() public {
        bytes memory reason = abi.encodeWithSelector(IGitexNFT.GitexNFT__ZeroAddress.selector);
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.to = address(0);
        _refused(request, reason);
        request = _request(ASSET);
        request.creator = address(0);
        _refused(request, reason);
    }

    function test_mint_revertsWithPromptSize() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.prompt = "";
        _refused(request, abi.encodeWithSelector(IGitexNFT.GitexNFT__PromptSize.selector, 0));
        uint256 most = nft.MAX_PROMPT_BYTES();
        request.prompt = new bytes(most + 1);
        _refused(request, abi.encodeWithSelector(IGitexNFT.GitexNFT__PromptSize.selector, most + 1));
        request.prompt = new bytes(most);
        _mint(request);
    }

    function test_mint_revertsWithUnknownCodec() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.metadataCodec = 0x71;
        _refused(request, abi.encodeWithSelector(IGitexNFT.GitexNFT__UnknownCodec.selector, 0x71));
    }

    function test_mint_revertsWithRoyaltyTooHigh() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.royaltyBps = nft.MAX_ROYALTY_BPS() + 1;
        _refused(request, abi.encodeWithSelector(IGitexNFT.GitexNFT__RoyaltyTooHigh.selector, request.royaltyBps));
    }

    function test_mint_revertsWithTheRecipientsReason() public {
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.to = address(new RefusingReceiver());
        _refused(request, abi.encodeWithSelector(RefusingReceiver.NotHere.selector));
        request.to = address(nft);
        _refused(request, abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(nft)));
    }

    function test_mint_cannotBeEnteredAgainForTheSameAsset() public {
        ReentrantReceiver receiver = new ReentrantReceiver();
        bytes32 minter = nft.MINTER_ROLE();
        vm.prank(ADMIN);
        nft.grantRole(minter, address(receiver));
        IGitexNFT.MintRequest memory request = _request(ASSET);
        request.to = address(receiver);
        receiver.prepare(request);
        _mint(request);
        vm.assertEq(nft.totalSupply(), 1);
        vm.assertEq(
            keccak256(receiver.refusal()),
            keccak256(abi.encodeWithSelector(IGitexNFT.GitexNFT__AlreadyMinted.selector, ASSET))
        );
    }

    function test_mintBatch_mintsAllInOrder() public {
        uint256[] memory tokenIds = _mintBatch(_requests(5));
        vm.assertEq(tokenIds.length, 5);
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertEq(tokenIds[i], uint256(keccak256(abi.encode(i))));
            vm.assertEq(nft.ownerOf(tokenIds[i]), CREATOR);
        }
        vm.assertEq(nft.totalSupply(), 5);
    }

    function test_mintBatch_revertsWithAlreadyMintedForATwinInTheBatch() public {
        IGitexNFT.MintRequest[] memory requests = _requests(3);
        requests[2].assetDigest = requests[0].assetDigest;
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__AlreadyMinted.selector, requests[0].assetDigest));
        _mintBatch(requests);
        vm.assertEq(nft.totalSupply(), 0);
    }

    function test_mintBatch_revertsWithBatchSize() public {
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__BatchSize.selector, 0));
        _mintBatch(_requests(0));
        IGitexNFT.MintRequest[] memory requests = _requests(nft.MAX_BATCH() + 1);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__BatchSize.selector, requests.length));
        _mintBatch(requests);
    }

    function test_mintBatch_revertsWithTheRecipientsReason() public {
        IGitexNFT.MintRequest[] memory requests = _requests(3);
        requests[1].to = address(new RefusingReceiver());
        vm.expectRevert(RefusingReceiver.NotHere.selector);
        _mintBatch(requests);
    }

    function test_mintBatch_revertsWithoutTheMinterRole() public {
        _expectMissingRole(STRANGER, nft.MINTER_ROLE());
        vm.prank(STRANGER);
        nft.mintBatch(_requests(1));
    }

    function test_fuzz_mint_countsEachDigestOnce(bytes32[] calldata digests) public {
        uint256 unique = 0;
        for (uint256 i = 0; i < digests.length; ++i) {
            if (digests[i] == 0) continue;
            if (nft.isMinted(digests[i])) {
                _refused(
                    _request(digests[i]), abi.encodeWithSelector(IGitexNFT.GitexNFT__AlreadyMinted.selector, digests[i])
                );
            } else {
                _mint(_request(digests[i]));
                ++unique;
            }
        }
        vm.assertEq(nft.totalSupply(), unique);
        vm.assertEq(nft.balanceOf(CREATOR), unique);
    }

    function _mint(IGitexNFT.MintRequest memory request) private returns (uint256) {
        vm.prank(MINTER);
        return nft.mint(request);
    }

    function _refused(IGitexNFT.MintRequest memory request, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(MINTER);
        nft.mint(request);
    }

    function _mintBatch(IGitexNFT.MintRequest[] memory requests) private returns (uint256[] memory) {
        vm.prank(MINTER);
        return nft.mintBatch(requests);
    }

    function _requests(uint256 size) private view returns (IGitexNFT.MintRequest[] memory requests) {
        requests = new IGitexNFT.MintRequest[](size);
        for (uint256 i = 0; i < size; ++i) {
            requests[i] = _request(keccak256(abi.encode(i)));
        }
    }
}
