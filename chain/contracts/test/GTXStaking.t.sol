// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";

import {IGTX} from "../src/interfaces/IGTX.sol";
import {GTXFixture} from "./support/GTXFixture.sol";

contract GTXStakingTest is GTXFixture {
    function test_stake_locksAndKeepsBalanceAndVotes() public {
        vm.startPrank(HOLDER);
        gtx.delegate(HOLDER);
        vm.expectEmit(address(gtx));
        emit IGTX.Staked(HOLDER, 100, 100);
        gtx.stake(100);
        vm.assertEq(gtx.balanceOf(HOLDER), SUPPLY);
        vm.assertEq(gtx.getVotes(HOLDER), SUPPLY);
        vm.assertEq(gtx.lockedOf(HOLDER), 100);
        vm.assertEq(gtx.totalStaked(), 100);
    }

    function test_transfer_revertsWithAmountLocked() public {
        _stake(HOLDER, 100);
        bytes memory reason = abi.encodeWithSelector(IGTX.GTX__AmountLocked.selector, HOLDER, SUPPLY - 100, SUPPLY - 99);
        vm.expectRevert(reason);
        vm.prank(HOLDER);
        gtx.transfer(STRANGER, SUPPLY - 99);
        vm.prank(HOLDER);
        gtx.approve(STRANGER, SUPPLY);
        vm.expectRevert(reason);
        vm.prank(STRANGER);
        gtx.transferFrom(HOLDER, STRANGER, SUPPLY - 99);
        _give(STRANGER, SUPPLY - 100);
    }

    function test_stake_revertsWithAmountLocked() public {
        _stake(HOLDER, SUPPLY);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__AmountLocked.selector, HOLDER, 0, 1));
        _stake(HOLDER, 1);
        // What cools down cannot be staked again either.
        vm.prank(HOLDER);
        gtx.requestUnstake(SUPPLY);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__AmountLocked.selector, HOLDER, 0, 1));
        _stake(HOLDER, 1);
    }

    function test_stake_revertsWithZeroAmount() public {
        vm.expectRevert(IGTX.GTX__ZeroAmount.selector);
        _stake(HOLDER, 0);
        vm.expectRevert(IGTX.GTX__ZeroAmount.selector);
        vm.prank(HOLDER);
        gtx.requestUnstake(0);
    }

    function test_requestUnstake_revertsWithAmountNotStaked() public {
        _stake(HOLDER, 100);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__AmountNotStaked.selector, 100, 101));
        vm.prank(HOLDER);
        gtx.requestUnstake(101);
    }

    function test_unstake_revertsWithNothingToRelease() public {
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__NothingToRelease.selector, 0));
        vm.prank(HOLDER);
        gtx.unstake();
        _stake(HOLDER, 100);
        vm.startPrank(HOLDER);
        gtx.requestUnstake(100);
        uint256 releaseAt = block.timestamp + COOLDOWN;
        vm.warp(releaseAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__NothingToRelease.selector, releaseAt));
        gtx.unstake();
        vm.warp(releaseAt);
        vm.assertEq(gtx.unstake(), 100);
        vm.assertEq(gtx.lockedOf(HOLDER), 0);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__NothingToRelease.selector, releaseAt));
        gtx.unstake();
    }

    function test_requestUnstake_joinsWhatStillCools() public {
        _stake(HOLDER, 100);
        vm.startPrank(HOLDER);
        gtx.requestUnstake(40);
        _later(COOLDOWN - 1);
        gtx.requestUnstake(10);
        IGTX.StakeInfo memory info = gtx.stakeOf(HOLDER);
        vm.assertEq(info.cooling, 50);
        vm.assertEq(info.staked, 50);
        vm.assertEq(info.releaseAt, block.timestamp + COOLDOWN);
    }

    function test_requestUnstake_releasesWhatHasCooled() public {
        _stake(HOLDER, 100);
        vm.startPrank(HOLDER);
        gtx.requestUnstake(40);
        _later(COOLDOWN);
        vm.expectEmit(address(gtx));
        emit IGTX.Unstaked(HOLDER, 40);
        gtx.requestUnstake(10);
        vm.assertEq(gtx.stakeOf(HOLDER).cooling, 10);
        vm.assertEq(gtx.lockedOf(HOLDER), 60);
    }

    function test_pause_stopsStakingAndNothingElse() public {
        _stake(HOLDER, 100 ether);
        vm.prank(HOLDER);
        gtx.fundRewards(100 ether);
        _later(1 days);
        vm.prank(ADMIN);
        gtx.pause();
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        _stake(HOLDER, 1);
        vm.startPrank(HOLDER);
        gtx.requestUnstake(100 ether);
        vm.assertGt(gtx.claimRewards(), 0);
        _later(COOLDOWN);
        gtx.unstake();
        gtx.transfer(STRANGER, 100 ether);
    }

    function test_setStakingTimes_leavesRunningCooldownsAlone() public {
        _stake(HOLDER, 100);
        vm.prank(HOLDER);
        gtx.requestUnstake(100);
        vm.prank(ADMIN);
        gtx.setStakingTimes(30 days, DELAY);
        _later(COOLDOWN);
        vm.prank(HOLDER);
        gtx.unstake();
    }

    function test_setStakingTimes_revertsWithStakingTimeOutOfBounds() public {
        uint48 tooLong = gtx.MAX_STAKING_TIME() + 1;
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__StakingTimeOutOfBounds.selector, 0));
        gtx.setStakingTimes(0, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__StakingTimeOutOfBounds.selector, 0));
        gtx.setStakingTimes(COOLDOWN, 0);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__StakingTimeOutOfBounds.selector, tooLong));
        gtx.setStakingTimes(tooLong, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__StakingTimeOutOfBounds.selector, tooLong));
        gtx.setStakingTimes(COOLDOWN, tooLong);
    }

    function test_pastStakeOf_remembers() public {
        _stake(HOLDER, 100);
        uint48 first = uint48(block.timestamp);
        _later(10);
        _stake(HOLDER, 50);
        vm.assertEq(gtx.pastStakeOf(HOLDER, first - 1), 0);
        vm.assertEq(gtx.pastStakeOf(HOLDER, first + 9), 100);
        vm.assertEq(gtx.pastStakeOf(HOLDER, first + 10), 150);
    }
}
