// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IGTX} from "../src/interfaces/IGTX.sol";
import {GTXFixture} from "./support/GTXFixture.sol";
import {GTXHandler} from "./support/GTXHandler.sol";

contract GTXInvariants is GTXFixture {
    GTXHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new GTXHandler(gtx, vault, HOLDER);
        _target(address(handler));
    }

    function invariant_stakesSumToTheTotal() public view {
        address[] memory holders = handler.holders();
        uint256 sum = 0;
        for (uint256 i = 0; i < holders.length; ++i) {
            sum += gtx.stakeOf(holders[i]).staked;
        }
        vm.assertEq(sum, gtx.totalStaked());
    }

    function invariant_balancesCoverLocks() public view {
        address[] memory holders = handler.holders();
        for (uint256 i = 0; i < holders.length; ++i) {
            IGTX.StakeInfo memory info = gtx.stakeOf(holders[i]);
            vm.assertEq(info.staked + info.cooling, gtx.lockedOf(holders[i]));
            vm.assertGe(gtx.balanceOf(holders[i]), gtx.lockedOf(holders[i]));
        }
    }

    function invariant_rewardsOwedAreCovered() public view {
        address[] memory holders = handler.holders();
        uint256 owed = 0;
        for (uint256 i = 0; i < holders.length; ++i) {
            owed += gtx.stakeOf(holders[i]).rewards;
        }
        vm.assertLe(owed, gtx.rewardsReserve());
        vm.assertEq(gtx.balanceOf(address(gtx)), gtx.rewardsReserve());
        vm.assertEq(handler.funded(), gtx.rewardsReserve() + handler.claimed());
    }

    function invariant_tiersAreEarnedMonotoneAndCapped() public view {
        address[] memory holders = handler.holders();
        for (uint256 i = 0; i < holders.length; ++i) {
            uint256 active = gtx.activeStakeOf(holders[i]);
            uint256 tier = gtx.tierOf(holders[i]);
            vm.assertLe(active, gtx.stakeOf(holders[i]).staked);
            vm.assertLe(active, gtx.pastStakeOf(holders[i], uint48(block.timestamp - DELAY)));
            vm.assertEq(tier, active >= GOLD ? 2 : active >= SILVER ? 1 : 0);
            vm.assertLe(gtx.discountOf(holders[i]), gtx.MAX_DISCOUNT_BPS());
        }
    }

    function invariant_votesAndSupplyAreConserved() public view {
        address[] memory holders = handler.holders();
        uint256 votes = 0;
        uint256 delegated = 0;
        uint256 held = gtx.balanceOf(HOLDER) + gtx.balanceOf(TREASURY);
        for (uint256 i = 0; i < holders.length; ++i) {
            votes += gtx.getVotes(holders[i]);
            uint256 balance = gtx.balanceOf(holders[i]);
            held += balance;
            if (gtx.delegates(holders[i]) != address(0)) delegated += balance;
        }
        vm.assertEq(votes, delegated);
        vm.assertEq(held + gtx.balanceOf(address(gtx)) + gtx.balanceOf(address(vault)), gtx.totalSupply());
        vm.assertGe(gtx.balanceOf(address(vault)), vault.stakersDue());
    }
}
