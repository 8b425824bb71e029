// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRulesUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/extensions/AccessControlDefaultAdminRulesUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

import {IGoverned} from "./interfaces/IGoverned.sol";

/// @title What all of Gitex's upgradeable contracts share
/// @notice One admin, the timelock, that upgrades, configures and hands out roles; and a pause for what comes in.
abstract contract Governed is
    IGoverned,
    AccessControlDefaultAdminRulesUpgradeable,
    PausableUpgradeable,
    UUPSUpgradeable
{
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @dev Between proposing a new admin and its acceptance; on top of the timelock's own delay.
    uint48 internal constant ADMIN_TRANSFER_DELAY = 1 days;

    /// @dev The admin is also the first pauser. It may name a guardian that pauses faster.
    function __Governed_init(address admin) internal onlyInitializing {
        __AccessControlDefaultAdminRules_init(ADMIN_TRANSFER_DELAY, admin);
        __Pausable_init();
        _grantRole(PAUSER_ROLE, admin);
    }

    /// @inheritdoc IGoverned
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @inheritdoc IGoverned
    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function _authorizeUpgrade(address) internal override onlyRole(DEFAULT_ADMIN_ROLE) {}
}
