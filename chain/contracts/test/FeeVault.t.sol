// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";

import {FeeVault} from "../src/FeeVault.sol";
import {IFeeVault} from "../src/interfaces/IFeeVault.sol";
import {RefusingReceiver} from "./mocks/Receivers.sol";
import {GTXFixture} from "./support/GTXFixture.sol";

contract FeeVaultTest is GTXFixture {
    bytes32 private constant ACCOUNT = "acct_1";
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function setUp() public override {
        super.setUp();
        vm.prank(HOLDER);
        gtx.approve(address(vault), type(uint256).max);
        vm.deal(HOLDER, 10 ether);
    }

    function test_initialize_revertsASecondTimeAndOnTheImplementation() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        vault.initialize(STRANGER, STRANGER, STRANGER, 0, 0, 0);
        FeeVault implementation = new FeeVault();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(STRANGER, STRANGER, STRANGER, 0, 0, 0);
    }

    function test_storage_liesInItsNamespace() public {
        _deposit(GTX_PRICE);
        bytes32 slot = SlotDerivation.erc7201Slot("gitex.storage.FeeVault");
        vm.assertEq(uint256(vm.load(address(vault), SlotDerivation.offset(slot, 4))), vault.depositCount());
    }

    function test_deposit_saysWhatWasBought() public {
        vm.expectEmit(address(vault));
        emit IFeeVault.Deposited(1, ACCOUNT, HOLDER, address(gtx), 21 ether, 10, 0);
        vm.assertEq(_deposit(21 ether), 10);
        vm.assertEq(gtx.balanceOf(address(vault)), 21 ether);
        vm.assertEq(vault.stakersDue(), 6.3 ether);
    }

    function test_deposit_givesTheTiersDiscount() public {
        _stake(HOLDER, GOLD);
        _later(DELAY);
        vm.expectEmit(address(vault));
        emit IFeeVault.Deposited(1, ACCOUNT, HOLDER, address(gtx), 16 ether, 10, 2_000);
        _deposit(16 ether);
    }

    function test_depositNative_saysWhatWasBought() public {
        vm.expectEmit(address(vault));
        emit IFeeVault.Deposited(1, ACCOUNT, HOLDER, address(0), 0.005 ether, 5, 0);
        vm.prank(HOLDER);
        vm.assertEq(vault.depositNative{value: 0.005 ether}(ACCOUNT), 5);
        vm.assertEq(vault.stakersDue(), 0);
    }

    function test_depositWithPermit_needsNoApproval() public {
        vm.prank(HOLDER);
        gtx.approve(address(vault), 0);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key("holder"), _permitDigest(20 ether));
        vm.prank(HOLDER);
        vm.assertEq(vault.depositWithPermit(ACCOUNT, 20 ether, block.timestamp, v, r, s), 10);
    }

    function test_depositWithPermit_worksWhenThePermitWasSentBySomebodyElse() public {
        vm.prank(HOLDER);
        gtx.approve(address(vault), 0);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key("holder"), _permitDigest(20 ether));
        vm.prank(STRANGER);
        gtx.permit(HOLDER, address(vault), 20 ether, block.timestamp, v, r, s);
        vm.prank(HOLDER);
        vm.assertEq(vault.depositWithPermit(ACCOUNT, 20 ether, block.timestamp, v, r, s), 10);
    }

    function test_depositWithPermit_revertsWithInsufficientAllowance() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key("holder"), _permitDigest(20 ether));
        _give(STRANGER, 20 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(vault), 0, 20 ether)
        );
        vm.prank(STRANGER);
        vault.depositWithPermit(ACCOUNT, 20 ether, block.timestamp, v, r, s);
        vm.assertEq(vault.depositCount(), 0);
    }

    function test_deposit_revertsWithNoAccount() public {
        vm.expectRevert(IFeeVault.FeeVault__NoAccount.selector);
        vm.prank(HOLDER);
        vault.deposit(0, GTX_PRICE);
    }

    function test_deposit_revertsWithTooSmall() public {
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__TooSmall.selector, GTX_PRICE - 1));
        _deposit(GTX_PRICE - 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__TooSmall.selector, 0));
        vm.prank(HOLDER);
        vault.depositNative(ACCOUNT);
    }

    function test_deposit_revertsWithAssetNotTaken() public {
        vm.prank(ADMIN);
        vault.setPrices(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__AssetNotTaken.selector, address(gtx)));
        _deposit(1 ether);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__AssetNotTaken.selector, address(0)));
        vm.prank(HOLDER);
        vault.depositNative{value: 1}(ACCOUNT);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__AssetNotTaken.selector, STRANGER));
        vault.quote(HOLDER, STRANGER, 1 ether);
    }

    function test_pause_stopsDepositsAndNothingElse() public {
        _stake(HOLDER, 1 ether);
        _deposit(100 ether);
        vm.deal(address(vault), 1 ether);
        vm.prank(ADMIN);
        vault.pause();
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        _deposit(100 ether);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vm.prank(HOLDER);
        vault.depositNative{value: 1 ether}(ACCOUNT);
        vm.expectRevert(PausableUpgradeable.EnforcedPause.selector);
        vault.depositWithPermit(ACCOUNT, 1, 1, 27, 0, 0);
        vault.payStakers();
        vm.prank(ADMIN);
        vault.withdraw(address(gtx), TREASURY, 1 ether);
        vault.payTreasury();
    }

    function test_payTreasury_leavesTheStakersTheirShare() public {
        _deposit(100 ether);
        vm.prank(HOLDER);
        (bool sent,) = address(vault).call{value: 1 ether}("");
        vm.assertTrue(sent);
        vault.payTreasury();
        vm.assertEq(gtx.balanceOf(TREASURY), 70 ether);
        vm.assertEq(TREASURY.balance, 1 ether);
        vm.assertEq(gtx.balanceOf(address(vault)), 30 ether);
        vm.expectRevert(IFeeVault.FeeVault__NothingToPay.selector);
        vault.payTreasury();
    }

    function test_payTreasury_revertsWithPaymentRefused() public {
        address receiver = address(new RefusingReceiver());
        vm.prank(ADMIN);
        vault.setTreasury(receiver);
        vm.deal(address(vault), 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__PaymentRefused.selector, receiver));
        vault.payTreasury();
    }

    function test_payStakers_fundsRewards() public {
        _stake(HOLDER, 1 ether);
        _deposit(100 ether);
        vault.payStakers();
        vm.assertEq(gtx.rewardsReserve(), 30 ether);
        vm.assertEq(vault.stakersDue(), 0);
        _later(7 days);
        vm.assertApproxEqAbs(gtx.stakeOf(HOLDER).rewards, 30 ether, 1e6);
        vm.expectRevert(IFeeVault.FeeVault__NothingToPay.selector);
        vault.payStakers();
    }

    function test_withdraw_revertsWithTooMuch() public {
        _deposit(100 ether);
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__TooMuch.selector, 70 ether, 70 ether + 1));
        vault.withdraw(address(gtx), STRANGER, 70 ether + 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__TooMuch.selector, 0, 1));
        vault.withdraw(address(0), STRANGER, 1);
        vm.expectRevert(IFeeVault.FeeVault__ZeroAddress.selector);
        vault.withdraw(address(gtx), address(0), 1);
        vault.withdraw(address(gtx), STRANGER, 70 ether);
        vm.assertEq(gtx.balanceOf(STRANGER), 70 ether);
    }

    function test_settings_revertWithTheirReasons() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(IFeeVault.FeeVault__ZeroAddress.selector);
        vault.setTreasury(address(0));
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVault__ShareTooHigh.selector, 10_001));
        vault.setStakersShare(10_001);
    }

    function test_settings_revertWithoutTheAdminRole() public {
        bytes32 pauser = vault.PAUSER_ROLE();
        vm.startPrank(STRANGER);
        _expectMissingRole(STRANGER, 0);
        vault.setTreasury(STRANGER);
        _expectMissingRole(STRANGER, 0);
        vault.setPrices(1, 1);
        _expectMissingRole(STRANGER, 0);
        vault.setStakersShare(1);
        _expectMissingRole(STRANGER, 0);
        vault.withdraw(address(0), STRANGER, 0);
        _expectMissingRole(STRANGER, 0);
        vault.upgradeToAndCall(STRANGER, "");
        _expectMissingRole(STRANGER, pauser);
        vault.pause();
    }

    function test_fuzz_quote_neverChargesMoreThanThePrice(uint128 amount, bool staked) public {
        amount = uint128(_between(amount, GTX_PRICE, type(uint128).max));
        if (staked) _stake(HOLDER, GOLD);
        _later(DELAY);
        (uint256 credits, uint16 discountBps) = vault.quote(HOLDER, address(gtx), amount);
        vm.assertLe(discountBps, gtx.MAX_DISCOUNT_BPS());
        uint256 price = uint256(GTX_PRICE) * (10_000 - discountBps) / 10_000;
        vm.assertLe(credits * price, amount);
        vm.assertGt((credits + 1) * price, amount);
    }

    function _deposit(uint256 amount) private returns (uint256) {
        vm.prank(HOLDER);
        return vault.deposit(ACCOUNT, amount);
    }

    function _permitDigest(uint256 amount) private view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(PERMIT, HOLDER, address(vault), amount, 0, block.timestamp));
        return keccak256(abi.encodePacked(hex"1901", gtx.DOMAIN_SEPARATOR(), message));
    }
}
