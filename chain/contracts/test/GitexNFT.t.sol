// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/interfaces/IERC721Metadata.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";

import {GitexNFT} from "../src/GitexNFT.sol";
import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {Cid} from "../src/libraries/Cid.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

contract GitexNFTTest is NFTFixture {
    bytes32 private constant ASSET = keccak256("asset");

    uint256 private tokenId;

    function setUp() public override {
        super.setUp();
        tokenId = _mint(_request(ASSET));
    }

    function test_initialize_revertsASecondTimeAndOnTheImplementation() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        nft.initialize(STRANGER, STRANGER, STRANGER, 0);
        GitexNFT implementation = new GitexNFT();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(STRANGER, STRANGER, STRANGER, 0);
    }

    function test_storage_liesInItsNamespace() public view {
        bytes32 slot = SlotDerivation.erc7201Slot("gitex.storage.TokenRecords");
        vm.assertEq(uint256(vm.load(address(nft), SlotDerivation.offset(slot, 1))), nft.totalSupply());
        slot = SlotDerivation.erc7201Slot("gitex.storage.GitexNFT");
        vm.assertEq(address(uint160(uint256(vm.load(address(nft), SlotDerivation.offset(slot, 1))))), TREASURY);
    }

    function test_tokenURI_isTheCidOfARawBlock() public {
        // `{}` as the reference implementation names it.
        IGitexNFT.MintRequest memory request = _request(keccak256("raw"));
        request.metadataDigest = sha256("{}");
        vm.assertEq(nft.tokenURI(_mint(request)), "ipfs://bafkreicecnx2gvntm6fbcrvnc336qze6st5u7qq7457igegamd3bzkx7ri");
    }

    function test_tokenURI_isTheCidOfADagPbNode() public {
        // The empty folder, which everybody knows by its CID.
        IGitexNFT.MintRequest memory request = _request(keccak256("dag"));
        request.metadataCodec = 0x70;
        request.metadataDigest = sha256(hex"0a020801");
        vm.assertEq(nft.tokenURI(_mint(request)), "ipfs://bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    }

    function test_views_revertWithNonexistentToken() public {
        bytes memory reason = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7);
        vm.expectRevert(reason);
        nft.tokenURI(7);
        vm.expectRevert(reason);
        nft.provenanceOf(7);
        vm.expectRevert(reason);
        nft.verifyPromptHistory(7, "[]");
        vm.expectRevert(reason);
        nft.verifyAsset(7, bytes32(uint256(7)));
    }

    function test_fuzz_verifyPromptHistory_knowsItsOwnOnly(bytes calldata prompt, bytes calldata other) public {
        vm.assume(prompt.length > 0 && prompt.length <= nft.MAX_PROMPT_BYTES());
        IGitexNFT.MintRequest memory request = _request(keccak256("fuzzed"));
        request.prompt = prompt;
        uint256 id = _mint(request);
        vm.assertTrue(nft.verifyPromptHistory(id, prompt));
        vm.assertEq(nft.verifyPromptHistory(id, other), keccak256(other) == keccak256(prompt));
        vm.assertFalse(nft.verifyPromptHistory(id, bytes.concat(prompt, " ")));
    }

    function test_verifyAsset_knowsItsOwnOnly() public view {
        vm.assertTrue(nft.verifyAsset(tokenId, ASSET));
        vm.assertFalse(nft.verifyAsset(tokenId, keccak256("another")));
    }

    function test_royaltyInfo_isTheCollectionsWithoutAnOwn() public {
        _assertRoyalty(tokenId, TREASURY, 2_500);
        vm.prank(ADMIN);
        nft.setDefaultRoyalty(STRANGER, 1_000);
        _assertRoyalty(tokenId, STRANGER, 10_000);
    }

    function test_fuzz_royaltyInfo_isTheCreatorsWithAnOwn(uint16 royaltyBps, uint128 price) public {
        IGitexNFT.MintRequest memory request = _request(keccak256("royal"));
        request.royaltyBps = uint16(_between(royaltyBps, 1, nft.MAX_ROYALTY_BPS()));
        (address receiver, uint256 amount) = nft.royaltyInfo(_mint(request), price);
        vm.assertEq(receiver, CREATOR);
        vm.assertEq(amount, uint256(price) * request.royaltyBps / 10_000);
        vm.assertLe(amount, uint256(price) / 10);
    }

    function test_setDefaultRoyalty_revertsWithRoyaltyTooHigh() public {
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__RoyaltyTooHigh.selector, 1_001));
        vm.prank(ADMIN);
        nft.setDefaultRoyalty(TREASURY, 1_001);
    }

    function test_setMetadata_changesTheDocumentAndNothingElse() public {
        IGitexNFT.Provenance memory before = nft.provenanceOf(tokenId);
        vm.expectEmit(address(nft));
        emit IERC4906.MetadataUpdate(tokenId);
        vm.prank(ADMIN);
        nft.setMetadata(tokenId, 0x70, keccak256("new"));
        vm.assertEq(nft.tokenURI(tokenId), string.concat("ipfs://", Cid.toString(0x70, keccak256("new"))));
        IGitexNFT.Provenance memory later = nft.provenanceOf(tokenId);
        before.metadataCodec = 0x70;
        before.metadataDigest = keccak256("new");
        vm.assertEq(keccak256(abi.encode(later)), keccak256(abi.encode(before)));
    }

    function test_setMetadata_revertsWithItsReasons() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        nft.setMetadata(7, 0x55, ASSET);
        vm.expectRevert(IGitexNFT.GitexNFT__ZeroDigest.selector);
        nft.setMetadata(tokenId, 0x55, 0);
        vm.expectRevert(abi.encodeWithSelector(IGitexNFT.GitexNFT__UnknownCodec.selector, 1));
        nft.setMetadata(tokenId, 1, ASSET);
    }

    function test_setFeeReceiver_revertsWithZeroAddress() public {
        vm.expectRevert(IGitexNFT.GitexNFT__ZeroAddress.selector);
        vm.prank(ADMIN);
        nft.setFeeReceiver(address(0));
    }

    function test_settings_revertWithoutTheAdminRole() public {
        vm.startPrank(MINTER);
        _expectMissingRole(MINTER, 0);
        nft.setDefaultRoyalty(MINTER, 1);
        _expectMissingRole(MINTER, 0);
        nft.setFeeReceiver(MINTER);
        _expectMissingRole(MINTER, 0);
        nft.setMetadata(tokenId, 0x55, ASSET);
        _expectMissingRole(MINTER, 0);
        nft.upgradeToAndCall(MINTER, "");
        bytes32 pauser = nft.PAUSER_ROLE();
        _expectMissingRole(MINTER, pauser);
        nft.pause();
        _expectMissingRole(MINTER, pauser);
        nft.unpause();
    }

    function test_transferFrom_worksWhilePaused() public {
        vm.prank(ADMIN);
        nft.pause();
        vm.prank(CREATOR);
        nft.transferFrom(CREATOR, STRANGER, tokenId);
        vm.assertEq(nft.ownerOf(tokenId), STRANGER);
        vm.assertEq(nft.provenanceOf(tokenId).creator, CREATOR);
    }

    function test_supportsInterface_saysWhatItIs() public view {
        vm.assertTrue(nft.supportsInterface(type(IERC165).interfaceId));
        vm.assertTrue(nft.supportsInterface(type(IERC721).interfaceId));
        vm.assertTrue(nft.supportsInterface(type(IERC721Metadata).interfaceId));
        vm.assertTrue(nft.supportsInterface(type(IERC2981).interfaceId));
        vm.assertTrue(nft.supportsInterface(0x49064906));
        vm.assertFalse(nft.supportsInterface(0xffffffff));
        // ERC-7007, whose conformance is not claimed.
        vm.assertFalse(nft.supportsInterface(0x702c55a6));
    }

    function _assertRoyalty(uint256 id, address receiver, uint256 of100000) private view {
        (address got, uint256 amount) = nft.royaltyInfo(id, 100_000);
        vm.assertEq(got, receiver);
        vm.assertEq(amount, of100000);
    }

    function _mint(IGitexNFT.MintRequest memory request) private returns (uint256) {
        vm.prank(MINTER);
        return nft.mint(request);
    }
}
