// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {FeeVault} from "../../src/FeeVault.sol";
import {GTX} from "../../src/GTX.sol";
import {GitexDeployer} from "../../src/GitexDeployer.sol";
import {GitexGovernor} from "../../src/GitexGovernor.sol";
import {GitexNFT} from "../../src/GitexNFT.sol";
import {IGTX} from "../../src/interfaces/IGTX.sol";
import {BaseTest} from "./BaseTest.sol";

/// @dev The whole system, deployed as on a real chain.
abstract contract SystemFixture is BaseTest {
    address internal immutable DEPLOYER = _actor("deployer");
    address internal immutable HOLDER = _actor("holder");
    address internal immutable MINTER = _actor("minter");

    GitexDeployer internal deployer;
    TimelockController internal timelock;
    GitexGovernor internal governor;
    GTX internal gtx;
    FeeVault internal vault;
    GitexNFT internal nft;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.startPrank(DEPLOYER);
        deployer = new GitexDeployer(_config());
        vm.stopPrank();
        (timelock, governor) = (deployer.timelock(), deployer.governor());
        (gtx, vault, nft) = (deployer.gtx(), deployer.vault(), deployer.nft());
        vm.prank(HOLDER);
        gtx.delegate(HOLDER);
        vm.warp(block.timestamp + 1);
    }

    function _config() internal returns (GitexDeployer.Config memory config) {
        config.gtxImplementation = address(new GTX());
        config.nftImplementation = address(new GitexNFT());
        config.vaultImplementation = address(new FeeVault());
        (config.timelockDelay, config.votingDelay, config.votingPeriod) = (2 days, 1 days, 7 days);
        (config.proposalThreshold, config.quorumPercent) = (1_000 ether, 4);
        (config.holder, config.initialSupply, config.maxSupply) = (HOLDER, 1_000_000 ether, 2_000_000 ether);
        (config.cooldown, config.activationDelay) = (7 days, 1 days);
        config.tiers = new IGTX.Tier[](0);
        (config.stakersShareBps, config.gtxPerCredit, config.weiPerCredit) = (3_000, 1 ether, 0.001 ether);
        (config.minter, config.royaltyBps) = (MINTER, 250);
    }

    /// @dev Propose, vote, wait and execute one call.
    function _govern(address target, bytes memory data) internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = _single(target, data);
        vm.prank(HOLDER);
        uint256 id = governor.propose(targets, values, calls, string(data));
        vm.warp(block.timestamp + governor.votingDelay() + 1);
        vm.prank(HOLDER);
        governor.castVote(id, 1);
        vm.warp(block.timestamp + governor.votingPeriod() + 1);
        vm.assertEq(uint256(governor.state(id)), uint256(IGovernor.ProposalState.Succeeded));
        governor.queue(targets, values, calls, keccak256(data));
        vm.warp(block.timestamp + timelock.getMinDelay());
        governor.execute(targets, values, calls, keccak256(data));
    }

    function _single(address target, bytes memory data)
        internal
        pure
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        (targets, values, calls) = (new address[](1), new uint256[](1), new bytes[](1));
        (targets[0], calls[0]) = (target, data);
    }
}
