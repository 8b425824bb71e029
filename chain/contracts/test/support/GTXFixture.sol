// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FeeVault} from "../../src/FeeVault.sol";
import {GTX} from "../../src/GTX.sol";
import {GitexProxy} from "../../src/GitexProxy.sol";
import {IGTX} from "../../src/interfaces/IGTX.sol";
import {BaseTest} from "./BaseTest.sol";

/// @dev The token with two tiers, a holder of the supply, and the vault.
abstract contract GTXFixture is BaseTest {
    address internal immutable HOLDER = _actor("holder");
    address internal immutable TREASURY = _actor("treasury");
    uint256 internal constant SUPPLY = 1_000_000 ether;
    uint256 internal constant CAP = 2_000_000 ether;
    uint48 internal constant COOLDOWN = 7 days;
    uint48 internal constant DELAY = 1 days;
    uint208 internal constant SILVER = 1_000 ether;
    uint208 internal constant GOLD = 10_000 ether;
    uint16 internal constant SHARE_BPS = 3_000;
    uint128 internal constant GTX_PRICE = 2 ether;
    uint128 internal constant WEI_PRICE = 0.001 ether;

    GTX internal gtx;
    FeeVault internal vault;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        gtx = _token(ADMIN);
        bytes memory call =
            abi.encodeCall(FeeVault.initialize, (ADMIN, address(gtx), TREASURY, SHARE_BPS, GTX_PRICE, WEI_PRICE));
        vault = FeeVault(payable(address(new GitexProxy(address(new FeeVault()), call))));
    }

    function _token(address admin) internal returns (GTX) {
        bytes memory call = abi.encodeCall(GTX.initialize, (admin, HOLDER, SUPPLY, CAP, COOLDOWN, DELAY, _tiers()));
        return GTX(address(new GitexProxy(address(new GTX()), call)));
    }

    function _tiers() internal pure returns (IGTX.Tier[] memory tiers) {
        tiers = new IGTX.Tier[](2);
        tiers[0] = IGTX.Tier({name: "silver", minStake: SILVER, discountBps: 500, features: new bytes32[](1)});
        tiers[0].features[0] = "priority";
        tiers[1] = IGTX.Tier({name: "gold", minStake: GOLD, discountBps: 2_000, features: new bytes32[](1)});
        tiers[1].features[0] = "upscale";
    }

    function _give(address to, uint256 amount) internal {
        vm.prank(HOLDER);
        gtx.transfer(to, amount);
    }

    function _stake(address holder, uint256 amount) internal {
        vm.prank(holder);
        gtx.stake(amount);
    }

    function _later(uint256 duration) internal {
        vm.warp(block.timestamp + duration);
    }
}
