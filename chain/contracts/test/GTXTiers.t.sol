// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IGTX} from "../src/interfaces/IGTX.sol";
import {GTXFixture} from "./support/GTXFixture.sol";

contract GTXTiersTest is GTXFixture {
    function test_tierOf_isZeroBeforeTheDelayIsOver() public {
        _stake(HOLDER, GOLD);
        vm.assertEq(gtx.tierOf(HOLDER), 0);
        _later(DELAY - 1);
        vm.assertEq(gtx.tierOf(HOLDER), 0);
        vm.assertEq(gtx.discountOf(HOLDER), 0);
        vm.assertFalse(gtx.hasFeature(HOLDER, "priority"));
        _later(1);
        vm.assertEq(gtx.tierOf(HOLDER), 2);
        vm.assertEq(gtx.discountOf(HOLDER), 2_000);
        vm.assertTrue(gtx.hasFeature(HOLDER, "upscale"));
        // Of the lower tier.
        vm.assertTrue(gtx.hasFeature(HOLDER, "priority"));
        vm.assertFalse(gtx.hasFeature(HOLDER, "unknown"));
    }

    function test_tierOf_fallsAtOnceWithARequest() public {
        _stake(HOLDER, GOLD);
        _later(DELAY);
        vm.prank(HOLDER);
        gtx.requestUnstake(1);
        vm.assertEq(gtx.tierOf(HOLDER), 1);
        _later(DELAY);
        vm.assertEq(gtx.tierOf(HOLDER), 1);
    }

    function test_tierOf_doesNotBridgeAGap() public {
        // Staked at both ends of the delay, and nothing in between.
        _stake(HOLDER, GOLD);
        _later(1);
        vm.prank(HOLDER);
        gtx.requestUnstake(GOLD);
        _later(DELAY - 2);
        _stake(HOLDER, GOLD);
        vm.assertEq(gtx.tierOf(HOLDER), 0);
        _later(1);
        vm.assertEq(gtx.tierOf(HOLDER), 0);
        _later(DELAY - 1);
        vm.assertEq(gtx.tierOf(HOLDER), 2);
    }

    function test_tierOf_cannotBeBorrowedWithinABlock() public {
        _give(STRANGER, GOLD);
        vm.startPrank(STRANGER);
        gtx.stake(GOLD);
        vm.assertEq(gtx.discountOf(STRANGER), 0);
        gtx.requestUnstake(GOLD);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__AmountLocked.selector, STRANGER, 0, GOLD));
        gtx.transfer(HOLDER, GOLD);
    }

    function test_fuzz_tierOf_isMonotone(uint256 less, uint256 more) public {
        less = _between(less, 1, SUPPLY / 2);
        more = _between(more, less, SUPPLY / 2);
        _give(STRANGER, less);
        _stake(STRANGER, less);
        _stake(HOLDER, more);
        _later(DELAY);
        vm.assertLe(gtx.tierOf(STRANGER), gtx.tierOf(HOLDER));
        vm.assertLe(gtx.discountOf(STRANGER), gtx.discountOf(HOLDER));
        vm.assertEq(gtx.activeStakeOf(HOLDER), more);
    }

    function test_setTiers_replacesAll() public {
        IGTX.Tier[] memory tiers = new IGTX.Tier[](1);
        tiers[0] = _tiers()[1];
        tiers[0].minStake = 5;
        vm.prank(ADMIN);
        gtx.setTiers(tiers);
        vm.assertEq(keccak256(abi.encode(gtx.tiers())), keccak256(abi.encode(tiers)));
        _stake(HOLDER, 5);
        _later(DELAY);
        vm.assertEq(gtx.discountOf(HOLDER), 2_000);
        vm.prank(ADMIN);
        gtx.setTiers(new IGTX.Tier[](0));
        vm.assertEq(gtx.discountOf(HOLDER), 0);
    }

    function test_setTiers_revertsWithTierNotAllowed() public {
        uint16 tooMuch = gtx.MAX_DISCOUNT_BPS() + 1;
        uint256 tooMany = gtx.MAX_FEATURES() + 1;
        IGTX.Tier[] memory tiers = _tiers();
        tiers[1].minStake = SILVER;
        _refused(tiers, 1);
        tiers = _tiers();
        tiers[0].minStake = 0;
        _refused(tiers, 0);
        tiers = _tiers();
        tiers[1].discountBps = 499;
        _refused(tiers, 1);
        tiers = _tiers();
        tiers[1].discountBps = tooMuch;
        _refused(tiers, 1);
        tiers = _tiers();
        tiers[0].name = 0;
        _refused(tiers, 0);
        tiers = _tiers();
        tiers[0].features = new bytes32[](tooMany);
        _refused(tiers, 0);
    }

    function test_setTiers_revertsWithTooManyTiers() public {
        IGTX.Tier[] memory tiers = new IGTX.Tier[](gtx.MAX_TIERS() + 1);
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__TooManyTiers.selector, tiers.length));
        vm.prank(ADMIN);
        gtx.setTiers(tiers);
    }

    function _refused(IGTX.Tier[] memory tiers, uint256 tier) private {
        vm.expectRevert(abi.encodeWithSelector(IGTX.GTX__TierNotAllowed.selector, tier));
        vm.prank(ADMIN);
        gtx.setTiers(tiers);
    }
}
