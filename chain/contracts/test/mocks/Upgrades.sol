// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FeeVault} from "../../src/FeeVault.sol";
import {GTX} from "../../src/GTX.sol";
import {GitexNFT} from "../../src/GitexNFT.sol";
import {Governed} from "../../src/Governed.sol";

/// @custom:oz-upgrades-from src/GitexNFT.sol:GitexNFT
contract GitexNFTV2 is GitexNFT {
    /// @custom:storage-location erc7201:gitex.storage.test.V2
    struct V2Storage {
        uint256 added;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.test.V2")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x13189388149b7ba40734244944f839c911701558e64f57046ccaea146b82ee00;

    function initializeV2(uint256 value) external reinitializer(2) {
        _v2().added = value;
    }

    function added() external view returns (uint256) {
        return _v2().added;
    }

    function _v2() private pure returns (V2Storage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}

/// @custom:oz-upgrades-from src/GTX.sol:GTX
contract GTXV2 is GTX {
    function version() external pure returns (uint256) {
        return 2;
    }
}

/// @custom:oz-upgrades-from src/FeeVault.sol:FeeVault
contract FeeVaultV2 is FeeVault {
    function version() external pure returns (uint256) {
        return 2;
    }
}

/// @dev What the validation must refuse: two fields of the namespace have changed places.
contract UnsafeFeeVault is Governed {
    /// @custom:storage-location erc7201:gitex.storage.FeeVault
    struct VaultStorage {
        address treasury;
        address gtx;
        uint16 stakersShareBps;
        uint128 gtxPerCredit;
        uint128 weiPerCredit;
        uint256 stakersDue;
        uint256 depositCount;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }
}
