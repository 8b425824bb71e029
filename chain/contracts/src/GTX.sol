// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {ERC20Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol";
import {
    ERC20CappedUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20CappedUpgradeable.sol";
import {
    ERC20PermitUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {
    ERC20VotesUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20VotesUpgradeable.sol";
import {NoncesUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/NoncesUpgradeable.sol";

import {Governed} from "./Governed.sol";
import {Staking} from "./Staking.sol";
import {IGTX} from "./interfaces/IGTX.sol";

/// @title GTX
contract GTX is Governed, ERC20CappedUpgradeable, ERC20PermitUpgradeable, ERC20VotesUpgradeable, Staking {
    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up behind a proxy.
    /// @param admin The timelock.
    /// @param holder Gets the initial supply.
    function initialize(
        address admin,
        address holder,
        uint256 initialSupply,
        uint256 maxSupply,
        uint48 cooldown,
        uint48 activationDelay,
        Tier[] calldata initialTiers
    ) external initializer {
        __Governed_init(admin);
        __ERC20_init("Gitex", "GTX");
        __ERC20Capped_init(maxSupply);
        __ERC20Permit_init("Gitex");
        __ERC20Votes_init();
        _setStakingTimes(cooldown, activationDelay);
        _setTiers(initialTiers);
        _mint(holder, initialSupply);
    }

    /// @inheritdoc IGTX
    function mint(address to, uint256 amount) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _mint(to, amount);
    }

    /// @inheritdoc IGTX
    function stake(uint256 amount) external whenNotPaused {
        _checkFree(msg.sender, amount);
        _stake(msg.sender, amount);
    }

    /// @inheritdoc IGTX
    function setTiers(Tier[] calldata newTiers) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setTiers(newTiers);
    }

    /// @inheritdoc IGTX
    function setStakingTimes(uint48 cooldown, uint48 activationDelay) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setStakingTimes(cooldown, activationDelay);
    }

    /// @inheritdoc IGTX
    function getOwner() external view returns (address) {
        return owner();
    }

    /// @notice Votes are counted by the block's time (ERC-6372).
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function nonces(address account) public view override(ERC20PermitUpgradeable, NoncesUpgradeable) returns (uint256) {
        return super.nonces(account);
    }

    function _update(address from, address to, uint256 amount)
        internal
        override(ERC20Upgradeable, ERC20CappedUpgradeable, ERC20VotesUpgradeable)
    {
        if (from != address(0) && lockedOf(from) != 0) _checkFree(from, amount);
        super._update(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) internal override {
        _transfer(from, to, amount);
    }

    function _checkFree(address account, uint256 amount) private view {
        uint256 free = balanceOf(account) - lockedOf(account);
        if (amount > free) revert GTX__AmountLocked(account, free, amount);
    }
}
