// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FeeVault} from "../../src/FeeVault.sol";
import {GTX} from "../../src/GTX.sol";
import {IGTX} from "../../src/interfaces/IGTX.sol";
import {Vm} from "./Vm.sol";

/// @dev Calls that are all allowed, of five holders, in any order and at any time.
contract GTXHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    GTX private immutable GTX_TOKEN;
    FeeVault private immutable VAULT;
    address[] private _holders;
    uint256 public claimed;
    uint256 public funded;

    constructor(GTX gtx, FeeVault vault, address rich) {
        (GTX_TOKEN, VAULT) = (gtx, vault);
        for (uint256 i = 1; i <= 5; ++i) {
            address holder = address(uint160(0xA000 + i));
            _holders.push(holder);
            vm.prank(rich);
            gtx.transfer(holder, i * 10_000 ether);
            vm.prank(holder);
            gtx.approve(address(vault), type(uint256).max);
        }
    }

    function holders() external view returns (address[] memory) {
        return _holders;
    }

    function stake(uint256 who, uint256 amount) external {
        address holder = _holder(who);
        uint256 free = _free(holder);
        if (free == 0) return;
        vm.prank(holder);
        GTX_TOKEN.stake(_between(amount, free));
    }

    function requestUnstake(uint256 who, uint256 amount) external {
        address holder = _holder(who);
        uint256 staked = GTX_TOKEN.stakeOf(holder).staked;
        if (staked == 0) return;
        vm.prank(holder);
        GTX_TOKEN.requestUnstake(_between(amount, staked));
    }

    function unstake(uint256 who) external {
        address holder = _holder(who);
        IGTX.StakeInfo memory info = GTX_TOKEN.stakeOf(holder);
        if (info.cooling == 0 || block.timestamp < info.releaseAt) return;
        vm.prank(holder);
        GTX_TOKEN.unstake();
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address holder = _holder(from);
        uint256 free = _free(holder);
        if (free == 0) return;
        address receiver = _holder(to);
        vm.prank(holder);
        GTX_TOKEN.transfer(receiver, _between(amount, free));
    }

    function delegate(uint256 from, uint256 to) external {
        address receiver = _holder(to);
        vm.prank(_holder(from));
        GTX_TOKEN.delegate(receiver);
    }

    function fundRewards(uint256 who, uint256 amount) external {
        address holder = _holder(who);
        uint256 free = _free(holder);
        if (free == 0) return;
        amount = _between(amount, free);
        vm.prank(holder);
        try GTX_TOKEN.fundRewards(amount) {
            funded += amount;
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), bytes32(IGTX.GTX__RewardsTooSmall.selector));
        }
    }

    function claimRewards(uint256 who) external {
        address holder = _holder(who);
        vm.prank(holder);
        claimed += GTX_TOKEN.claimRewards();
    }

    function deposit(uint256 who, uint256 amount) external {
        address holder = _holder(who);
        uint256 free = _free(holder);
        if (free < 2 ether) return;
        amount = 2 ether + amount % (free - 2 ether + 1);
        vm.prank(holder);
        VAULT.deposit("acct", amount);
    }

    function payStakers() external {
        uint256 due = VAULT.stakersDue();
        if (due == 0) return;
        try VAULT.payStakers() {
            funded += due;
        } catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), bytes32(IGTX.GTX__RewardsTooSmall.selector));
        }
    }

    function payTreasury() external {
        if (GTX_TOKEN.balanceOf(address(VAULT)) == VAULT.stakersDue()) return;
        VAULT.payTreasury();
    }

    function wait_(uint256 duration) external {
        vm.warp(block.timestamp + _between(duration, 4 days));
    }

    function _holder(uint256 who) private view returns (address) {
        return _holders[who % _holders.length];
    }

    function _free(address holder) private view returns (uint256) {
        return GTX_TOKEN.balanceOf(holder) - GTX_TOKEN.lockedOf(holder);
    }

    function _between(uint256 value, uint256 most) private pure returns (uint256) {
        return 1 + value % most;
    }
}
