// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {Governed} from "./Governed.sol";
import {IFeeVault} from "./interfaces/IFeeVault.sol";
import {IGTX} from "./interfaces/IGTX.sol";

/// @title FeeVault
contract FeeVault is IFeeVault, Governed {
    using SafeERC20 for IERC20;

    address private constant NATIVE = address(0);
    uint256 private constant BPS = 10_000;

    /// @custom:storage-location erc7201:gitex.storage.FeeVault
    struct VaultStorage {
        address gtx;
        uint16 stakersShareBps;
        address treasury;
        uint128 gtxPerCredit;
        uint128 weiPerCredit;
        uint256 stakersDue;
        uint256 depositCount;
    }

    // keccak256(abi.encode(uint256(keccak256("gitex.storage.FeeVault")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant VAULT_STORAGE = 0x5b4d36275f3da3f00a2adaaeb510a0cd0d6e26a6d4ad9800b710a7fb8b7bdc00;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up behind a proxy.
    /// @param admin The timelock.
    function initialize(
        address admin,
        address gtxToken,
        address firstTreasury,
        uint16 shareBps,
        uint128 gtxPrice,
        uint128 weiPrice
    ) external initializer {
        __Governed_init(admin);
        if (gtxToken == address(0)) revert FeeVault__ZeroAddress();
        _storage().gtx = gtxToken;
        _setTreasury(firstTreasury);
        _setStakersShare(shareBps);
        _setPrices(gtxPrice, weiPrice);
    }

    /// @notice Vouchers' prices and gifts.
    receive() external payable {
        emit FeeReceived(msg.sender, msg.value);
    }

    /// @inheritdoc IFeeVault
    function deposit(bytes32 account, uint256 amount) external whenNotPaused returns (uint256 credits) {
        return _depositGtx(account, amount);
    }

    /// @inheritdoc IFeeVault
    function depositWithPermit(bytes32 account, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        whenNotPaused
        returns (uint256 credits)
    {
        // It fails if somebody sent it first; then the allowance stands, and if not, the transfer says so.
        try IERC20Permit(_storage().gtx).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return _depositGtx(account, amount);
    }

    /// @inheritdoc IFeeVault
    function depositNative(bytes32 account) external payable whenNotPaused returns (uint256 credits) {
        return _book(account, NATIVE, msg.value);
    }

    /// @inheritdoc IFeeVault
    function payTreasury() external {
        VaultStorage storage $ = _storage();
        address to = $.treasury;
        uint256 tokens = _available($.gtx);
        uint256 coins = address(this).balance;
        if (tokens == 0 && coins == 0) revert FeeVault__NothingToPay();
        if (tokens != 0) {
            emit TreasuryPaid(to, $.gtx, tokens);
            _send($.gtx, to, tokens);
        }
        if (coins != 0) {
            emit TreasuryPaid(to, NATIVE, coins);
            _send(NATIVE, to, coins);
        }
    }

    /// @inheritdoc IFeeVault
    function payStakers() external {
        VaultStorage storage $ = _storage();
        uint256 due = $.stakersDue;
        if (due == 0) revert FeeVault__NothingToPay();
        $.stakersDue = 0;
        emit StakersPaid(due);
        IGTX($.gtx).fundRewards(due);
    }

    /// @inheritdoc IFeeVault
    function withdraw(address asset, address to, uint256 amount) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (to == address(0)) revert FeeVault__ZeroAddress();
        uint256 available = _available(asset);
        if (amount > available) revert FeeVault__TooMuch(available, amount);
        emit Withdrawn(to, asset, amount);
        _send(asset, to, amount);
    }

    /// @inheritdoc IFeeVault
    function setPrices(uint128 gtxPerCredit, uint128 weiPerCredit) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setPrices(gtxPerCredit, weiPerCredit);
    }

    /// @inheritdoc IFeeVault
    function setTreasury(address newTreasury) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setTreasury(newTreasury);
    }

    /// @inheritdoc IFeeVault
    function setStakersShare(uint16 shareBps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setStakersShare(shareBps);
    }

    /// @inheritdoc IFeeVault
    function prices() external view returns (uint128, uint128) {
        VaultStorage storage $ = _storage();
        return ($.gtxPerCredit, $.weiPerCredit);
    }

    /// @inheritdoc IFeeVault
    function gtx() external view returns (address) {
        return _storage().gtx;
    }

    /// @inheritdoc IFeeVault
    function treasury() external view returns (address) {
        return _storage().treasury;
    }

    /// @inheritdoc IFeeVault
    function stakersShareBps() external view returns (uint16) {
        return _storage().stakersShareBps;
    }

    /// @inheritdoc IFeeVault
    function stakersDue() external view returns (uint256) {
        return _storage().stakersDue;
    }

    /// @inheritdoc IFeeVault
    function depositCount() external view returns (uint256) {
        return _storage().depositCount;
    }

    /// @inheritdoc IFeeVault
    function quote(address payer, address asset, uint256 amount)
        public
        view
        returns (uint256 credits, uint16 discountBps)
    {
        VaultStorage storage $ = _storage();
        uint256 price = 0;
        if (asset == NATIVE) price = $.weiPerCredit;
        else if (asset == $.gtx) price = $.gtxPerCredit;
        if (price == 0) revert FeeVault__AssetNotTaken(asset);
        discountBps = IGTX($.gtx).discountOf(payer);
        credits = amount * BPS / (price * (BPS - discountBps));
        if (credits == 0) revert FeeVault__TooSmall(amount);
    }

    function _depositGtx(bytes32 account, uint256 amount) private returns (uint256 credits) {
        VaultStorage storage $ = _storage();
        credits = _book(account, $.gtx, amount);
        $.stakersDue += amount * $.stakersShareBps / BPS;
        IERC20($.gtx).safeTransferFrom(msg.sender, address(this), amount);
    }

    function _book(bytes32 account, address asset, uint256 amount) private returns (uint256 credits) {
        if (account == 0) revert FeeVault__NoAccount();
        uint16 discountBps;
        (credits, discountBps) = quote(msg.sender, asset, amount);
        uint256 depositId = ++_storage().depositCount;
        emit Deposited(depositId, account, msg.sender, asset, amount, credits, discountBps);
    }

    function _send(address asset, address to, uint256 amount) private {
        if (asset != NATIVE) {
            IERC20(asset).safeTransfer(to, amount);
            return;
        }
        (bool taken,) = to.call{value: amount}("");
        if (!taken) revert FeeVault__PaymentRefused(to);
    }

    function _setPrices(uint128 gtxPerCredit, uint128 weiPerCredit) private {
        VaultStorage storage $ = _storage();
        $.gtxPerCredit = gtxPerCredit;
        $.weiPerCredit = weiPerCredit;
        emit PricesChanged(gtxPerCredit, weiPerCredit);
    }

    function _setTreasury(address newTreasury) private {
        if (newTreasury == address(0)) revert FeeVault__ZeroAddress();
        _storage().treasury = newTreasury;
        emit TreasuryChanged(newTreasury);
    }

    function _setStakersShare(uint16 shareBps) private {
        if (shareBps > BPS) revert FeeVault__ShareTooHigh(shareBps);
        _storage().stakersShareBps = shareBps;
        emit StakersShareChanged(shareBps);
    }

    function _available(address asset) private view returns (uint256) {
        if (asset == NATIVE) return address(this).balance;
        uint256 balance = IERC20(asset).balanceOf(address(this));
        return asset == _storage().gtx ? balance - _storage().stakersDue : balance;
    }

    function _storage() private pure returns (VaultStorage storage $) {
        assembly ("memory-safe") {
            $.slot := VAULT_STORAGE
        }
    }
}
