// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

import {FeeVault} from "./FeeVault.sol";
import {GTX} from "./GTX.sol";
import {GitexGovernor} from "./GitexGovernor.sol";
import {GitexNFT} from "./GitexNFT.sol";
import {GitexProxy} from "./GitexProxy.sol";
import {IGTX} from "./interfaces/IGTX.sol";

/// @title GitexDeployer
/// @notice Puts the whole system up in one transaction, its own creation, and keeps no power. The implementations are
/// deployed before; they are too large to fit in here.
contract GitexDeployer {
    struct Config {
        address gtxImplementation;
        address nftImplementation;
        address vaultImplementation;
        /// @dev Seconds between a vote's end and its effect.
        uint256 timelockDelay;
        uint48 votingDelay;
        uint32 votingPeriod;
        uint256 proposalThreshold;
        uint256 quorumPercent;
        /// @dev Gets the initial supply.
        address holder;
        uint256 initialSupply;
        uint256 maxSupply;
        uint48 cooldown;
        uint48 activationDelay;
        IGTX.Tier[] tiers;
        /// @dev Zero for the timelock.
        address treasury;
        uint16 stakersShareBps;
        uint128 gtxPerCredit;
        uint128 weiPerCredit;
        /// @dev The service's minting key. It may mint and nothing else.
        address minter;
        uint16 royaltyBps;
    }

    TimelockController public immutable timelock;
    GitexGovernor public immutable governor;
    GTX public immutable gtx;
    FeeVault public immutable vault;
    GitexNFT public immutable nft;

    constructor(Config memory config) {
        // Anybody may execute what has waited long enough.
        timelock = new TimelockController(config.timelockDelay, new address[](0), new address[](1), address(this));
        gtx = GTX(_proxy(config.gtxImplementation, _gtxCall(config)));
        vault = FeeVault(payable(_proxy(config.vaultImplementation, _vaultCall(config))));
        nft = GitexNFT(_proxy(config.nftImplementation, _nftCall(config)));
        governor = new GitexGovernor(
            IVotes(address(gtx)),
            timelock,
            config.votingDelay,
            config.votingPeriod,
            config.proposalThreshold,
            config.quorumPercent
        );
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), address(this));
    }

    function _gtxCall(Config memory config) private view returns (bytes memory) {
        return abi.encodeCall(
            GTX.initialize,
            (
                address(timelock),
                config.holder,
                config.initialSupply,
                config.maxSupply,
                config.cooldown,
                config.activationDelay,
                config.tiers
            )
        );
    }

    function _vaultCall(Config memory config) private view returns (bytes memory) {
        address treasury = config.treasury == address(0) ? address(timelock) : config.treasury;
        return abi.encodeCall(
            FeeVault.initialize,
            (
                address(timelock),
                address(gtx),
                treasury,
                config.stakersShareBps,
                config.gtxPerCredit,
                config.weiPerCredit
            )
        );
    }

    function _nftCall(Config memory config) private view returns (bytes memory) {
        return
            abi.encodeCall(GitexNFT.initialize, (address(timelock), config.minter, address(vault), config.royaltyBps));
    }

    function _proxy(address implementation, bytes memory call) private returns (address) {
        return address(new GitexProxy(implementation, call));
    }
}
