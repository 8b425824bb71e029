// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Where generation credits are bought
/// @notice Takes GTX or the native coin, and says in an event how many credits an account has bought. The service books
/// credits from the events alone. Fees go to the treasury and, of GTX, a share to the stakers.
interface IFeeVault {
    /// @notice An account has bought credits.
    /// @param depositId Counts from 1 without a gap.
    /// @param account The service's reference of the account, not an address.
    /// @param asset GTX's address, or 0 for the native coin.
    /// @param discountBps What the payer's tier took off the price; it is in `credits` already.
    event Deposited(
        uint256 indexed depositId,
        bytes32 indexed account,
        address indexed payer,
        address asset,
        uint256 amount,
        uint256 credits,
        uint16 discountBps
    );
    /// @notice Native coin came in that buys nothing, such as vouchers' prices.
    event FeeReceived(address indexed payer, uint256 amount);
    /// @notice The treasury was paid.
    event TreasuryPaid(address indexed treasury, address asset, uint256 amount);
    /// @notice The stakers' share was handed over as rewards.
    event StakersPaid(uint256 amount);
    /// @notice Governance took an amount out.
    event Withdrawn(address indexed to, address asset, uint256 amount);
    /// @notice One credit costs so much; 0 for an asset that is not taken.
    event PricesChanged(uint128 gtxPerCredit, uint128 weiPerCredit);
    /// @notice Fees go there.
    event TreasuryChanged(address treasury);
    /// @notice So much of later GTX deposits goes to the stakers.
    event StakersShareChanged(uint16 stakersShareBps);

    /// @notice This asset does not buy credits now.
    error FeeVault__AssetNotTaken(address asset);
    /// @notice More than 10,000 basis points.
    error FeeVault__ShareTooHigh(uint256 shareBps);
    /// @notice The account reference must not be zero.
    error FeeVault__NoAccount();
    /// @notice There is nothing to pay.
    error FeeVault__NothingToPay();
    /// @notice The receiver did not take the coins.
    error FeeVault__PaymentRefused(address receiver);
    /// @notice The amount does not buy one credit.
    error FeeVault__TooSmall(uint256 amount);
    /// @notice More than there is besides the stakers' share.
    error FeeVault__TooMuch(uint256 available, uint256 amount);
    /// @notice An address that must not be zero is.
    error FeeVault__ZeroAddress();

    /// @notice Buy credits with GTX that the caller has approved.
    /// @dev Not while paused, as the other two.
    function deposit(bytes32 account, uint256 amount) external returns (uint256 credits);

    /// @notice Buy credits with GTX, approved by the same call. A permit that somebody else has already sent does no harm.
    function depositWithPermit(bytes32 account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 credits);

    /// @notice Buy credits with the native coin.
    function depositNative(bytes32 account) external payable returns (uint256 credits);

    /// @notice Send all fees to the treasury, besides the stakers' share. Anybody may call.
    function payTreasury() external;

    /// @notice Hand the stakers' share over as rewards. Anybody may call. Reverts as `IGTX.fundRewards` does.
    function payStakers() external;

    /// @notice Take an amount out; of GTX not the stakers' share.
    /// @dev Only the admin.
    function withdraw(address asset, address to, uint256 amount) external;

    /// @notice Set the prices of a credit; 0 to take an asset no more.
    /// @dev Only the admin.
    function setPrices(uint128 gtxPerCredit, uint128 weiPerCredit) external;

    /// @notice Set where fees go.
    /// @dev Only the admin.
    function setTreasury(address newTreasury) external;

    /// @notice Set the stakers' share of later GTX deposits.
    /// @dev Only the admin.
    function setStakersShare(uint16 shareBps) external;

    /// @notice How many credits the payer would get, and at which discount. Reverts as a deposit would.
    /// @param asset GTX's address, or 0 for the native coin.
    function quote(address payer, address asset, uint256 amount)
        external
        view
        returns (uint256 credits, uint16 discountBps);

    /// @notice The prices of one credit.
    function prices() external view returns (uint128 gtxPerCredit, uint128 weiPerCredit);

    /// @notice GTX's address.
    function gtx() external view returns (address);

    /// @notice Where fees go.
    function treasury() external view returns (address);

    /// @notice The stakers' share of GTX deposits in basis points.
    function stakersShareBps() external view returns (uint16);

    /// @notice GTX that is kept for the stakers.
    function stakersDue() external view returns (uint256);

    /// @notice How many deposits there were.
    function depositCount() external view returns (uint256);
}
