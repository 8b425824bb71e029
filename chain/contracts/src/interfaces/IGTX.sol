// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Gitex's token, with staking built in
/// @notice Staked tokens stay in their holder's balance and keep their votes; they only cannot be sent. There is no
/// vault that could be emptied. Amounts are in the smallest unit, times are seconds of the block's clock.
interface IGTX {
    /// @notice What a staked amount is good for.
    struct Tier {
        /// @dev A short name, left-aligned ASCII.
        bytes32 name;
        /// @dev From this staked amount on.
        uint208 minStake;
        /// @dev Off the price of generation credits, in basis points.
        uint16 discountBps;
        /// @dev Names of premium features, left-aligned ASCII. Higher tiers have those of the lower ones too.
        bytes32[] features;
    }

    /// @notice What one holder has locked, and when it comes free.
    struct StakeInfo {
        /// @dev Earns rewards and counts for tiers.
        uint256 staked;
        /// @dev Waits for the end of its cool-down.
        uint256 cooling;
        /// @dev From then on the cooling amount is free; 0 without one.
        uint256 releaseAt;
        /// @dev Rewards that can be claimed now.
        uint256 rewards;
    }

    /// @notice The holder locked more.
    event Staked(address indexed holder, uint256 amount, uint256 staked);
    /// @notice The holder asked for some back; it is free at `releaseAt`, together with what was cooling before.
    event UnstakeRequested(address indexed holder, uint256 amount, uint256 cooling, uint256 releaseAt);
    /// @notice The cool-down is over, and the holder released the amount.
    event Unstaked(address indexed holder, uint256 amount);
    /// @notice Rewards came in, to be handed out evenly until `endsAt`.
    event RewardsFunded(address indexed funder, uint256 amount, uint256 endsAt);
    /// @notice The holder took its rewards.
    event RewardsClaimed(address indexed holder, uint256 amount);
    /// @notice All tiers were replaced.
    event TiersChanged(Tier[] tiers);
    /// @notice Later stakes and requests wait for so long.
    event StakingTimesChanged(uint48 cooldown, uint48 activationDelay);

    /// @notice The amount is locked, or is not there.
    error GTX__AmountLocked(address holder, uint256 free, uint256 amount);
    /// @notice More than is staked.
    error GTX__AmountNotStaked(uint256 staked, uint256 amount);
    /// @notice The cool-down is not over, or there is none.
    error GTX__NothingToRelease(uint256 releaseAt);
    /// @notice The funds would slow down the rewards that are being handed out.
    error GTX__RewardsTooSmall(uint256 amount);
    /// @notice A time is outside its bounds.
    error GTX__StakingTimeOutOfBounds(uint48 time);
    /// @notice This tier has a minimum, discount or feature list that the rules do not allow.
    error GTX__TierNotAllowed(uint256 tier);
    /// @notice More than `MAX_TIERS`.
    error GTX__TooManyTiers(uint256 tiers);
    /// @notice The amount must not be zero.
    error GTX__ZeroAmount();

    /// @notice Create tokens, up to the cap.
    /// @dev Only the admin.
    function mint(address to, uint256 amount) external;

    /// @notice Lock part of the caller's own balance.
    /// @dev Not while paused.
    function stake(uint256 amount) external;

    /// @notice Start the cool-down of a staked amount. It stops earning and counting at once. A request that still
    /// cools is joined, and both are free at the later time; one that is over is released first.
    function requestUnstake(uint256 amount) external;

    /// @notice Free what has cooled down.
    /// @return amount How much that is.
    function unstake() external returns (uint256 amount);

    /// @notice Take the caller's rewards.
    /// @return amount How much that is; may be zero.
    function claimRewards() external returns (uint256 amount);

    /// @notice Give the caller's tokens as rewards, handed out evenly over `REWARDS_PERIOD`.
    function fundRewards(uint256 amount) external;

    /// @notice Replace all tiers, lowest first.
    /// @dev Only the admin.
    function setTiers(Tier[] calldata newTiers) external;

    /// @notice Set the times of later requests, and the delay of all stakes.
    /// @dev Only the admin.
    function setStakingTimes(uint48 cooldown, uint48 activationDelay) external;

    /// @notice What the holder has locked and earned.
    function stakeOf(address holder) external view returns (StakeInfo memory);

    /// @notice How much of the holder's balance cannot be sent.
    function lockedOf(address holder) external view returns (uint256);

    /// @notice How much was staked without a break for the whole activation delay. Tiers come from this.
    function activeStakeOf(address holder) external view returns (uint256);

    /// @notice The holder's staked amount at a past second.
    function pastStakeOf(address holder, uint48 timepoint) external view returns (uint256);

    /// @notice The holder's tier: 0 for none, else its place in `tiers`, from 1.
    function tierOf(address holder) external view returns (uint256);

    /// @notice The holder's discount in basis points, at most `MAX_DISCOUNT_BPS`.
    function discountOf(address holder) external view returns (uint16);

    /// @notice Whether the holder's tier, or a lower one, has the feature.
    function hasFeature(address holder, bytes32 feature) external view returns (bool);

    /// @notice All tiers, lowest first.
    function tiers() external view returns (Tier[] memory);

    /// @notice The sum of all stakes.
    function totalStaked() external view returns (uint256);

    /// @notice Rewards that were funded and not claimed. They lie in this contract's own balance.
    function rewardsReserve() external view returns (uint256);

    /// @notice Rewards are handed out until then.
    function rewardsEnd() external view returns (uint256);

    /// @notice The cool-down of requests made now, and how long a stake must stand to count for tiers.
    function stakingTimes() external view returns (uint48 cooldown, uint48 activationDelay);

    /// @notice The admin, as BEP-20 asks for it.
    function getOwner() external view returns (address);
}
