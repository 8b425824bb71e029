// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";

import {FeeVault} from "../src/FeeVault.sol";
import {IGTX} from "../src/interfaces/IGTX.sol";
import {FeeVaultV2, GTXV2, GitexNFTV2} from "./mocks/Upgrades.sol";
import {GTXFixture} from "./support/GTXFixture.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

contract UpgradeNFTTest is NFTFixture {
    bytes32 private constant ASSET = keccak256("asset");

    function test_upgrade_keepsTokensAndAddsState() public {
        vm.prank(MINTER);
        uint256 tokenId = nft.mint(_request(ASSET));
        bytes32 before = _state(tokenId);
        GitexNFTV2 next = new GitexNFTV2();
        vm.prank(ADMIN);
        nft.upgradeToAndCall(address(next), abi.encodeCall(GitexNFTV2.initializeV2, (42)));
        vm.assertEq(GitexNFTV2(address(nft)).added(), 42);
        vm.assertEq(_state(tokenId), before);
        vm.prank(MINTER);
        nft.mint(_request(keccak256("another")));
        vm.assertEq(nft.totalSupply(), 2);
    }

    function test_upgrade_revertsWithInvalidInitializationASecondTime() public {
        GitexNFTV2 next = new GitexNFTV2();
        vm.prank(ADMIN);
        nft.upgradeToAndCall(address(next), abi.encodeCall(GitexNFTV2.initializeV2, (42)));
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        GitexNFTV2(address(nft)).initializeV2(43);
    }

    function test_upgrade_revertsForWhatIsNoImplementation() public {
        vm.expectRevert(abi.encodeWithSelector(ERC1967Utils.ERC1967InvalidImplementation.selector, address(this)));
        vm.prank(ADMIN);
        nft.upgradeToAndCall(address(this), "");
    }

    function _state(uint256 tokenId) private view returns (bytes32) {
        (address receiver, uint256 royalty) = nft.royaltyInfo(tokenId, 10_000);
        return keccak256(
            abi.encode(
                nft.provenanceOf(tokenId),
                nft.ownerOf(tokenId),
                nft.tokenURI(tokenId),
                nft.totalSupply(),
                nft.owner(),
                nft.feeReceiver(),
                receiver,
                royalty
            )
        );
    }
}

contract UpgradeGTXTest is GTXFixture {
    function test_upgrade_keepsStakesRewardsVotesAndTiers() public {
        vm.prank(HOLDER);
        gtx.delegate(STRANGER);
        _stake(HOLDER, GOLD);
        vm.startPrank(HOLDER);
        gtx.fundRewards(700 ether);
        _later(2 days);
        gtx.requestUnstake(5);
        vm.stopPrank();
        bytes32 before = _state();
        GTXV2 next = new GTXV2();
        vm.prank(ADMIN);
        gtx.upgradeToAndCall(address(next), "");
        vm.assertEq(GTXV2(address(gtx)).version(), 2);
        vm.assertEq(_state(), before);
        _later(COOLDOWN);
        vm.prank(HOLDER);
        vm.assertEq(gtx.unstake(), 5);
    }

    function test_upgrade_keepsTheVaultsBooks() public {
        vm.startPrank(HOLDER);
        gtx.approve(address(vault), 10 ether);
        vault.deposit("acct_1", 10 ether);
        vm.stopPrank();
        bytes32 before = _books();
        FeeVault next = new FeeVaultV2();
        vm.prank(ADMIN);
        vault.upgradeToAndCall(address(next), "");
        vm.assertEq(FeeVaultV2(payable(address(vault))).version(), 2);
        vm.assertEq(_books(), before);
    }

    function _state() private view returns (bytes32) {
        IGTX.StakeInfo memory info = gtx.stakeOf(HOLDER);
        return keccak256(
            abi.encode(
                info,
                gtx.totalStaked(),
                gtx.rewardsReserve(),
                gtx.rewardsEnd(),
                gtx.tiers(),
                gtx.tierOf(HOLDER),
                gtx.getVotes(STRANGER),
                gtx.balanceOf(HOLDER),
                gtx.cap(),
                gtx.owner()
            )
        );
    }

    function _books() private view returns (bytes32) {
        (uint128 gtxPrice, uint128 weiPrice) = vault.prices();
        return keccak256(
            abi.encode(
                vault.gtx(),
                vault.treasury(),
                vault.stakersShareBps(),
                vault.stakersDue(),
                vault.depositCount(),
                gtxPrice,
                weiPrice,
                vault.owner()
            )
        );
    }
}
