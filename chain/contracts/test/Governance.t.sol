// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {GTX} from "../src/GTX.sol";
import {GitexDeployer} from "../src/GitexDeployer.sol";
import {GitexNFT} from "../src/GitexNFT.sol";
import {IGTX} from "../src/interfaces/IGTX.sol";
import {IGoverned} from "../src/interfaces/IGoverned.sol";
import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {SystemFixture} from "./support/SystemFixture.sol";
import {Vm} from "./support/Vm.sol";

contract GovernanceTest is SystemFixture {
    function test_deployment_leavesNoOtherKeyWithPower() public {
        GitexDeployer.Config memory config = _config();
        vm.recordLogs();
        vm.prank(DEPLOYER);
        GitexDeployer fresh = new GitexDeployer(config);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 granted = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IAccessControl.RoleGranted.selector) continue;
            ++granted;
            address account = address(uint160(uint256(logs[i].topics[2])));
            bytes32 role = logs[i].topics[1];
            // A grant that did not survive gives no power.
            if (!IAccessControl(logs[i].emitter).hasRole(role, account)) continue;
            vm.assertTrue(_isExpected(fresh, logs[i].emitter, role, account), "a role that nobody expects");
        }
        // 2 of the timelock's creation, its executor, 2 of the governor; 2 for each contract, and the minter.
        vm.assertEq(granted, 12);
        vm.assertFalse(fresh.timelock().hasRole(0, address(fresh)));
    }

    function test_deployment_makesTheTimelockTheOnlyAdmin() public view {
        vm.assertEq(gtx.owner(), address(timelock));
        vm.assertEq(nft.owner(), address(timelock));
        vm.assertEq(vault.owner(), address(timelock));
        vm.assertEq(vault.treasury(), address(timelock));
        vm.assertEq(nft.feeReceiver(), address(vault));
        vm.assertEq(address(governor.timelock()), address(timelock));
        vm.assertEq(address(governor.token()), address(gtx));
        vm.assertEq(governor.CLOCK_MODE(), "mode=timestamp");
    }

    function test_deployment_leavesTheDeployerPowerless() public {
        vm.startPrank(DEPLOYER);
        address implementation = address(deployer);
        _expectMissingRole(DEPLOYER, 0);
        gtx.upgradeToAndCall(implementation, "");
        _expectMissingRole(DEPLOYER, 0);
        nft.upgradeToAndCall(implementation, "");
        _expectMissingRole(DEPLOYER, 0);
        vault.upgradeToAndCall(implementation, "");
        bytes32 proposer = timelock.PROPOSER_ROLE();
        _expectMissingRole(DEPLOYER, proposer);
        timelock.schedule(DEPLOYER, 0, "", 0, 0, 2 days);
        _expectMissingRole(DEPLOYER, 0);
        timelock.grantRole(proposer, DEPLOYER);
    }

    function test_vote_changesTiers() public {
        IGTX.Tier[] memory tiers = new IGTX.Tier[](1);
        tiers[0] = IGTX.Tier({name: "silver", minStake: 1, discountBps: 100, features: new bytes32[](0)});
        _govern(address(gtx), abi.encodeCall(GTX.setTiers, (tiers)));
        vm.assertEq(gtx.tiers().length, 1);
    }

    function test_vote_changesRoyaltiesAndRoles() public {
        _govern(address(nft), abi.encodeCall(IGitexNFT.setDefaultRoyalty, (HOLDER, 1_000)));
        (address receiver, uint256 amount) = nft.royaltyInfo(1, 100);
        vm.assertEq(receiver, HOLDER);
        vm.assertEq(amount, 10);
        bytes32 minter = nft.MINTER_ROLE();
        _govern(address(nft), abi.encodeCall(nft.revokeRole, (minter, MINTER)));
        vm.assertFalse(nft.hasRole(minter, MINTER));
    }

    function test_vote_upgrades() public {
        GitexNFT implementation = new GitexNFT();
        _govern(address(nft), abi.encodeCall(nft.upgradeToAndCall, (address(implementation), "")));
        bytes32 slot = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
        vm.assertEq(address(uint160(uint256(vm.load(address(nft), slot)))), address(implementation));
    }

    function test_vote_failsWithoutQuorum() public {
        vm.prank(HOLDER);
        gtx.transfer(STRANGER, 30_000 ether);
        vm.prank(STRANGER);
        gtx.delegate(STRANGER);
        vm.warp(block.timestamp + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            _single(address(gtx), abi.encodeCall(IGoverned.pause, ()));
        vm.prank(STRANGER);
        uint256 id = governor.propose(targets, values, calls, "pause");
        vm.warp(block.timestamp + 1 days + 1);
        vm.prank(STRANGER);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + 7 days + 1);
        vm.assertEq(uint256(governor.state(id)), uint256(IGovernor.ProposalState.Defeated));
    }

    function test_vote_countsStakedTokens() public {
        vm.prank(HOLDER);
        gtx.stake(1_000_000 ether);
        _govern(address(gtx), abi.encodeCall(IGoverned.pause, ()));
        vm.assertTrue(gtx.paused());
    }

    function _isExpected(GitexDeployer system, address emitter, bytes32 role, address account)
        private
        view
        returns (bool)
    {
        address lock = address(system.timelock());
        if (account == lock) return true;
        if (emitter == lock && account == address(system.governor())) {
            return role == timelock.PROPOSER_ROLE() || role == timelock.CANCELLER_ROLE();
        }
        // Anybody may execute what was voted for and has waited.
        if (emitter == lock && account == address(0)) return role == timelock.EXECUTOR_ROLE();
        return emitter == address(system.nft()) && account == MINTER && role == nft.MINTER_ROLE();
    }
}
