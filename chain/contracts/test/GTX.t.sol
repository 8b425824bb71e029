// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {
    ERC20CappedUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20CappedUpgradeable.sol";
import {
    ERC20PermitUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";

import {GTX} from "../src/GTX.sol";
import {GTXFixture} from "./support/GTXFixture.sol";

contract GTXTest is GTXFixture {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function test_initialize_setsTheTokenUp() public view {
        vm.assertEq(gtx.name(), "Gitex");
        vm.assertEq(gtx.symbol(), "GTX");
        vm.assertEq(gtx.decimals(), 18);
        vm.assertEq(gtx.totalSupply(), SUPPLY);
        vm.assertEq(gtx.cap(), CAP);
        vm.assertEq(gtx.balanceOf(HOLDER), SUPPLY);
        vm.assertEq(gtx.getOwner(), ADMIN);
        vm.assertEq(gtx.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(gtx.clock(), block.timestamp);
    }

    function test_initialize_revertsASecondTimeAndOnTheImplementation() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        gtx.initialize(STRANGER, STRANGER, 1, 1, 1, 1, _tiers());
        GTX implementation = new GTX();
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        implementation.initialize(STRANGER, STRANGER, 1, 1, 1, 1, _tiers());
    }

    function test_storage_liesInItsNamespace() public {
        _stake(HOLDER, 77);
        bytes32 slot = SlotDerivation.erc7201Slot("gitex.storage.Staking");
        vm.assertEq(uint256(vm.load(address(gtx), SlotDerivation.offset(slot, 2))), 77);
        vm.prank(HOLDER);
        gtx.fundRewards(1 ether);
        slot = SlotDerivation.erc7201Slot("gitex.storage.Rewards");
        vm.assertEq(uint256(vm.load(address(gtx), SlotDerivation.offset(slot, 3))), 1 ether);
    }

    function test_mint_revertsWithExceededCap() public {
        vm.startPrank(ADMIN);
        gtx.mint(HOLDER, CAP - SUPPLY);
        vm.expectRevert(abi.encodeWithSelector(ERC20CappedUpgradeable.ERC20ExceededCap.selector, CAP + 1, CAP));
        gtx.mint(HOLDER, 1);
    }

    function test_settings_revertWithoutTheAdminRole() public {
        bytes32 pauser = gtx.PAUSER_ROLE();
        vm.startPrank(STRANGER);
        _expectMissingRole(STRANGER, 0);
        gtx.mint(STRANGER, 1);
        _expectMissingRole(STRANGER, 0);
        gtx.setTiers(_tiers());
        _expectMissingRole(STRANGER, 0);
        gtx.setStakingTimes(1, 1);
        _expectMissingRole(STRANGER, 0);
        gtx.upgradeToAndCall(STRANGER, "");
        _expectMissingRole(STRANGER, pauser);
        gtx.pause();
    }

    function test_fuzz_permit_approvesOnce(uint128 amount) public {
        uint256 deadline = block.timestamp;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key("holder"), _permitDigest(amount, 0, deadline));
        gtx.permit(HOLDER, STRANGER, amount, deadline, v, r, s);
        vm.assertEq(gtx.allowance(HOLDER, STRANGER), amount);
        vm.assertEq(gtx.nonces(HOLDER), 1);
        (bool done, bytes memory reason) =
            address(gtx).call(abi.encodeCall(gtx.permit, (HOLDER, STRANGER, amount, deadline, v, r, s)));
        vm.assertFalse(done);
        vm.assertEq(bytes32(bytes4(reason)), bytes32(ERC20PermitUpgradeable.ERC2612InvalidSigner.selector));
    }

    function test_permit_revertsWithExpiredSignature() public {
        uint256 deadline = block.timestamp - 1;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_key("holder"), _permitDigest(1, 0, deadline));
        vm.expectRevert(abi.encodeWithSelector(ERC20PermitUpgradeable.ERC2612ExpiredSignature.selector, deadline));
        gtx.permit(HOLDER, STRANGER, 1, deadline, v, r, s);
    }

    function test_votes_areCountedByTime() public {
        vm.prank(HOLDER);
        gtx.delegate(STRANGER);
        _later(1);
        vm.assertEq(gtx.getPastVotes(STRANGER, block.timestamp - 1), SUPPLY);
        vm.assertEq(gtx.getPastVotes(STRANGER, block.timestamp - 2), 0);
        vm.assertEq(gtx.getPastTotalSupply(block.timestamp - 1), SUPPLY);
    }

    function _permitDigest(uint256 amount, uint256 nonce, uint256 deadline) private view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(PERMIT, HOLDER, STRANGER, amount, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", gtx.DOMAIN_SEPARATOR(), message));
    }
}
