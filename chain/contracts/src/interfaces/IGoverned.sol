// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title The pause that all of Gitex's contracts share
interface IGoverned {
    /// @notice Stop what comes in: mints, deposits, new stakes. What goes out is never stopped.
    /// @dev Only `PAUSER_ROLE`.
    function pause() external;

    /// @notice Let it in again.
    /// @dev Only `PAUSER_ROLE`.
    function unpause() external;
}
