// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IGTX} from "../src/interfaces/IGTX.sol";
import {GTXFixture} from "./support/GTXFixture.sol";

contract GTXRewardsTest is GTXFixture {
    uint256 private constant FUNDS = 700 ether;
    /// @dev Rounding leaves less than this behind, of 700e18.
    uint256 private constant DUST = 1e6;

    function setUp() public override {
        super.setUp();
        _give(STRANGER, 1_000 ether);
    }

    function test_claimRewards_sharesByStakeAndTime() public {
        _stake(STRANGER, 100 ether);
        _stake(HOLDER, 300 ether);
        _fund(FUNDS);
        _later(1 days);
        vm.assertApproxEqAbs(gtx.stakeOf(STRANGER).rewards, 25 ether, DUST);
        vm.prank(HOLDER);
        gtx.requestUnstake(300 ether);
        _later(6 days);
        vm.assertApproxEqAbs(_claim(HOLDER), 75 ether, DUST);
        vm.assertApproxEqAbs(_claim(STRANGER), 625 ether, DUST);
        vm.assertLe(gtx.rewardsReserve(), DUST);
        _later(30 days);
        vm.assertEq(_claim(STRANGER), 0);
    }

    function test_claimRewards_neverTouchesPrincipal() public {
        _stake(STRANGER, 1_000 ether);
        _fund(FUNDS);
        _later(30 days);
        uint256 claimed = _claim(STRANGER);
        vm.assertEq(gtx.balanceOf(STRANGER), 1_000 ether + claimed);
        vm.assertEq(gtx.lockedOf(STRANGER), 1_000 ether);
        vm.assertEq(gtx.balanceOf(address(gtx)), gtx.rewardsReserve());
    }

    function test_fundRewards_givesNothingToAStakeOfTheSameBlock() public {
        _stake(HOLDER, 100 ether);
        _stake(STRANGER, 900 ether);
        _fund(FUNDS);
        vm.prank(STRANGER);
        gtx.requestUnstake(900 ether);
        _later(7 days);
        vm.assertEq(_claim(STRANGER), 0);
        vm.assertApproxEqAbs(_claim(HOLDER), FUNDS, DUST);
    }

    function test_fundRewards_waitsWhileNobodyStakes() public {
        _fund(FUNDS);
        _later(5 days);
        _stake(STRANGER, 1 ether);
        _later(1 days);
        vm.assertApproxEqAbs(gtx.stakeOf(STRANGER).rewards, 100 ether, DUST);
        _later(6 days);
        vm.assertApproxEqAbs(_claim(STRANGER), FUNDS, DUST);
    }

    function test_fundRewards_addsToWhatRuns() public {
        _stake(STRANGER, 1 ether);
        _fund(FUNDS);
        _later(6 days);
        _fund(FUNDS);
        vm.assertEq(gtx.rewardsEnd(), block.timestamp + 7 days);
        _later(7 days);
        vm.assertApproxEqAbs(_claim(STRANGER), 2 * FUNDS, DUST);
    }

    function test_fundRewards_revertsWithRewardsTooSmall() public {
        _stake(STRANGER, 1 ether);
        _fund(FUNDS);
        _later(1 days);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__RewardsTooSmall.selector, 99 ether));
        _fund(99 ether);
        _fund(100 ether);
    }

    function test_fundRewards_revertsWithAmountLocked() public {
        _stake(STRANGER, 1_000 ether);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__AmountLocked.selector, STRANGER, 0, 1 ether));
        vm.prank(STRANGER);
        gtx.fundRewards(1 ether);
    }

    function test_fundRewards_revertsWithZeroAmount() public {
        vm.expectRevert(IGTX.GTX__ZeroAmount.selector);
        _fund(0);
    }

    function test_fuzz_rewards_areNeverMoreThanFunded(uint128 funds, uint128 first, uint128 second, uint32 wait)
        public
    {
        funds = uint128(_between(funds, 1, SUPPLY / 4));
        first = uint128(_between(first, 1, 1_000 ether));
        second = uint128(_between(second, 1, SUPPLY / 2));
        _stake(STRANGER, first);
        _fund(funds);
        _later(_between(wait, 0, 8 days));
        _stake(HOLDER, second);
        _later(8 days);
        uint256 claimed = _claim(STRANGER) + _claim(HOLDER);
        vm.assertLe(claimed, funds);
        vm.assertEq(gtx.rewardsReserve(), funds - claimed);
        vm.assertEq(gtx.balanceOf(address(gtx)), funds - claimed);
    }

    function _fund(uint256 amount) private {
        vm.prank(HOLDER);
        gtx.fundRewards(amount);
    }

    function _claim(address account) private returns (uint256) {
        vm.prank(account);
        return gtx.claimRewards();
    }
}
