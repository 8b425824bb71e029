// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Rewards} from "./Rewards.sol";
import {IGTX} from "./interfaces/IGTX.sol";

/// @title The staking part of GTX: locks and tiers
abstract contract Staking is Rewards {
    using Checkpoints for Checkpoints.Trace208;

    uint256 public constant MAX_TIERS = 8;
    uint256 public constant MAX_FEATURES = 16;
    uint16 public constant MAX_DISCOUNT_BPS = 5_000;
    uint48 public constant MAX_STAKING_TIME = 30 days;

    struct Holder {
        /// @dev The last value is what is staked now.
        Checkpoints.Trace208 staked;
        uint208 cooling;
        uint48 releaseAt;
    }

    /// @custom:storage-location erc7201:gitex.storage.Staking
    struct StakingStorage {
        mapping(address holder => Holder) holders;
        Tier[] tiers;
        uint256 totalStaked;
        uint48 cooldown;
        uint48 activationDelay;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.Staking")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STAKING_STORAGE = 0x8a50cc389a1aa1237d41e7b6aa77653fa8244f6e9387b8ba2ead380bb2fec300;

    /// @inheritdoc IGTX
    function requestUnstake(uint256 amount) external {
        if (amount == 0) revert GTX__ZeroAmount();
        _settle(msg.sender);
        Holder storage holder = _stakingStorage().holders[msg.sender];
        uint256 staked = holder.staked.latest();
        if (amount > staked) revert GTX__AmountNotStaked(staked, amount);
        if (holder.cooling != 0 && block.timestamp >= holder.releaseAt) _release(holder);
        StakingStorage storage $ = _stakingStorage();
        _pushStake(holder, staked - amount);
        $.totalStaked -= amount;
        holder.cooling += SafeCast.toUint208(amount);
        holder.releaseAt = _now() + $.cooldown;
        emit UnstakeRequested(msg.sender, amount, holder.cooling, holder.releaseAt);
    }

    /// @inheritdoc IGTX
    function unstake() external returns (uint256 amount) {
        Holder storage holder = _stakingStorage().holders[msg.sender];
        if (holder.cooling == 0 || block.timestamp < holder.releaseAt) revert GTX__NothingToRelease(holder.releaseAt);
        return _release(holder);
    }

    /// @inheritdoc IGTX
    function stakeOf(address account) external view returns (StakeInfo memory) {
        Holder storage holder = _stakingStorage().holders[account];
        return StakeInfo({
            staked: holder.staked.latest(),
            cooling: holder.cooling,
            releaseAt: holder.cooling == 0 ? 0 : holder.releaseAt,
            rewards: _rewardsOf(account)
        });
    }

    /// @inheritdoc IGTX
    function pastStakeOf(address account, uint48 timepoint) external view returns (uint256) {
        return _stakingStorage().holders[account].staked.upperLookupRecent(timepoint);
    }

    /// @inheritdoc IGTX
    function discountOf(address account) external view returns (uint16) {
        uint256 tier = tierOf(account);
        return tier == 0 ? 0 : _stakingStorage().tiers[tier - 1].discountBps;
    }

    /// @inheritdoc IGTX
    function hasFeature(address account, bytes32 feature) external view returns (bool) {
        Tier[] storage all = _stakingStorage().tiers;
        for (uint256 tier = tierOf(account); tier > 0; --tier) {
            bytes32[] storage features = all[tier - 1].features;
            for (uint256 i = 0; i < features.length; ++i) {
                if (features[i] == feature) return true;
            }
        }
        return false;
    }

    /// @inheritdoc IGTX
    function tiers() external view returns (Tier[] memory) {
        return _stakingStorage().tiers;
    }

    /// @inheritdoc IGTX
    function totalStaked() public view override returns (uint256) {
        return _stakingStorage().totalStaked;
    }

    /// @inheritdoc IGTX
    function stakingTimes() external view returns (uint48, uint48) {
        StakingStorage storage $ = _stakingStorage();
        return ($.cooldown, $.activationDelay);
    }

    /// @inheritdoc IGTX
    function lockedOf(address account) public view returns (uint256) {
        Holder storage holder = _stakingStorage().holders[account];
        return uint256(holder.staked.latest()) + holder.cooling;
    }

    /// @inheritdoc IGTX
    function activeStakeOf(address account) public view returns (uint256) {
        StakingStorage storage $ = _stakingStorage();
        if (block.timestamp < $.activationDelay) return 0;
        uint256 since = block.timestamp - $.activationDelay;
        Checkpoints.Trace208 storage trace = $.holders[account].staked;
        uint256 lowest = type(uint256).max;
        // Only the lowest stake of the whole delay counts; two stakes with a gap between them do not.
        for (uint256 i = trace.length(); i > 0 && lowest > 0; --i) {
            Checkpoints.Checkpoint208 memory point = trace.at(SafeCast.toUint32(i - 1));
            lowest = Math.min(lowest, point._value);
            if (point._key <= since) return lowest;
        }
        return 0;
    }

    /// @inheritdoc IGTX
    function tierOf(address account) public view returns (uint256 tier) {
        uint256 active = activeStakeOf(account);
        Tier[] storage all = _stakingStorage().tiers;
        for (tier = all.length; tier > 0; --tier) {
            if (active >= all[tier - 1].minStake) break;
        }
    }

    /// @dev The caller has checked that so much of the balance is free.
    function _stake(address account, uint256 amount) internal {
        if (amount == 0) revert GTX__ZeroAmount();
        _settle(account);
        Holder storage holder = _stakingStorage().holders[account];
        uint256 staked = holder.staked.latest() + amount;
        _pushStake(holder, staked);
        _stakingStorage().totalStaked += amount;
        emit Staked(account, amount, staked);
    }

    function _setTiers(Tier[] memory newTiers) internal {
        if (newTiers.length > MAX_TIERS) revert GTX__TooManyTiers(newTiers.length);
        StakingStorage storage $ = _stakingStorage();
        delete $.tiers;
        uint256 minStake = 0;
        uint256 discountBps = 0;
        for (uint256 i = 0; i < newTiers.length; ++i) {
            Tier memory tier = newTiers[i];
            if (
                tier.minStake <= minStake || tier.discountBps < discountBps || tier.discountBps > MAX_DISCOUNT_BPS
                    || tier.name == 0 || tier.features.length > MAX_FEATURES
            ) revert GTX__TierNotAllowed(i);
            (minStake, discountBps) = (tier.minStake, tier.discountBps);
            $.tiers.push(tier);
        }
        emit TiersChanged(newTiers);
    }

    function _setStakingTimes(uint48 cooldown, uint48 activationDelay) internal {
        if (cooldown == 0 || cooldown > MAX_STAKING_TIME) revert GTX__StakingTimeOutOfBounds(cooldown);
        if (activationDelay == 0 || activationDelay > MAX_STAKING_TIME) {
            revert GTX__StakingTimeOutOfBounds(activationDelay);
        }
        StakingStorage storage $ = _stakingStorage();
        $.cooldown = cooldown;
        $.activationDelay = activationDelay;
        emit StakingTimesChanged(cooldown, activationDelay);
    }

    function _stakedOf(address account) internal view override returns (uint256) {
        return _stakingStorage().holders[account].staked.latest();
    }

    function _release(Holder storage holder) private returns (uint256 amount) {
        amount = holder.cooling;
        holder.cooling = 0;
        emit Unstaked(msg.sender, amount);
    }

    function _pushStake(Holder storage holder, uint256 staked) private {
        holder.staked.push(_now(), SafeCast.toUint208(staked));
    }

    function _stakingStorage() private pure returns (StakingStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STAKING_STORAGE
        }
    }
}
