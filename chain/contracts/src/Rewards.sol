// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IGTX} from "./interfaces/IGTX.sol";

/// @title The rewards of GTX's stakers
/// @dev Funds are handed out evenly over a period by an accumulator, so that nobody gains by staking just before they
/// come in. Knows of stakes and of ERC-20 what the hooks at its end say.
abstract contract Rewards is IGTX {
    uint48 public constant REWARDS_PERIOD = 7 days;

    uint256 private constant PRECISION = 1e18;

    struct Account {
        /// @dev Of `perToken`, when the holder was last settled.
        uint256 settledAt;
        uint256 rewards;
    }

    /// @custom:storage-location erc7201:gitex.storage.Rewards
    struct RewardsStorage {
        mapping(address holder => Account) accounts;
        /// @dev Earned by one staked unit since the beginning, times PRECISION.
        uint256 perToken;
        /// @dev Handed out each second, times PRECISION.
        uint256 rate;
        uint256 reserve;
        uint48 end;
        uint48 accruedAt;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.Rewards")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant REWARDS_STORAGE = 0x702367706f1c227c5d01abaae740281ea4c2885b8f3a1e0e0329ecf8203e1300;

    /// @inheritdoc IGTX
    function claimRewards() external returns (uint256 amount) {
        _settle(msg.sender);
        RewardsStorage storage $ = _rewardsStorage();
        amount = $.accounts[msg.sender].rewards;
        if (amount == 0) return 0;
        $.accounts[msg.sender].rewards = 0;
        $.reserve -= amount;
        emit RewardsClaimed(msg.sender, amount);
        _move(address(this), msg.sender, amount);
    }

    /// @inheritdoc IGTX
    function fundRewards(uint256 amount) external {
        if (amount == 0) revert GTX__ZeroAmount();
        _accrue();
        RewardsStorage storage $ = _rewardsStorage();
        uint256 left = $.end > block.timestamp ? ($.end - block.timestamp) * $.rate : 0;
        uint256 rate = (amount * PRECISION + left) / REWARDS_PERIOD;
        // Or anybody could stretch the period again and again with dust.
        if (rate == 0 || (left != 0 && rate < $.rate)) revert GTX__RewardsTooSmall(amount);
        $.rate = rate;
        $.end = _now() + REWARDS_PERIOD;
        $.reserve += amount;
        emit RewardsFunded(msg.sender, amount, $.end);
        _move(msg.sender, address(this), amount);
    }

    /// @inheritdoc IGTX
    function rewardsReserve() external view returns (uint256) {
        return _rewardsStorage().reserve;
    }

    /// @inheritdoc IGTX
    function rewardsEnd() external view returns (uint256) {
        return _rewardsStorage().end;
    }

    /// @inheritdoc IGTX
    function totalStaked() public view virtual returns (uint256);

    /// @dev Must come before every change of a holder's stake.
    function _settle(address account) internal {
        _accrue();
        Account storage earned = _rewardsStorage().accounts[account];
        earned.rewards = _rewardsOf(account);
        earned.settledAt = _rewardsStorage().perToken;
    }

    function _rewardsOf(address account) internal view returns (uint256) {
        Account storage earned = _rewardsStorage().accounts[account];
        return earned.rewards + _stakedOf(account) * (_perToken() - earned.settledAt) / PRECISION;
    }

    function _now() internal view returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @dev Send tokens; reverts if the sender has too few free ones.
    function _move(address from, address to, uint256 amount) internal virtual;

    /// @dev What the holder has staked now.
    function _stakedOf(address account) internal view virtual returns (uint256);

    function _accrue() private {
        RewardsStorage storage $ = _rewardsStorage();
        $.perToken = _perToken();
        // While nobody stakes the rewards wait.
        if (totalStaked() == 0 && $.end > $.accruedAt) $.end = _now() + ($.end - $.accruedAt);
        $.accruedAt = _now();
    }

    function _perToken() private view returns (uint256) {
        RewardsStorage storage $ = _rewardsStorage();
        uint256 until = Math.min(block.timestamp, $.end);
        uint256 staked = totalStaked();
        if (staked == 0 || until <= $.accruedAt) return $.perToken;
        return $.perToken + (until - $.accruedAt) * $.rate / staked;
    }

    function _rewardsStorage() private pure returns (RewardsStorage storage $) {
        assembly ("memory-safe") {
            $.slot := REWARDS_STORAGE
        }
    }
}
