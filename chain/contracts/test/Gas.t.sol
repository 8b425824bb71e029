// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {IGitexNFT} from "../src/interfaces/IGitexNFT.sol";
import {GTXFixture} from "./support/GTXFixture.sol";
import {NFTFixture} from "./support/NFTFixture.sol";

/// @dev OpenZeppelin's plain tokens, to compare with.
contract PlainERC721 is ERC721("Plain", "P") {
    function mint(address to, uint256 tokenId) external {
        _safeMint(to, tokenId);
    }
}

contract PlainERC20 is ERC20("Plain", "P") {
    constructor(address holder) {
        _mint(holder, 1_000_000 ether);
    }
}

/// @dev What each call costs as a transaction of its own. `npm run snapshot` writes it to snapshots/, and every other run
/// fails when a figure is not the one that is there.
/// forge-config: default.isolate = true
contract NFTGasTest is NFTFixture {
    function test_gas_ofMints() public {
        PlainERC721 plain = new PlainERC721();
        plain.mint(CREATOR, 1);
        plain.mint(CREATOR, 2);
        vm.snapshotGasLastCall("GitexNFT", "mint, plain ERC-721");
        vm.prank(MINTER);
        nft.mint(_request("first"));
        vm.prank(MINTER);
        nft.mint(_request("second"));
        vm.snapshotGasLastCall("GitexNFT", "mint");
        IGitexNFT.MintRequest memory long = _request("long");
        long.prompt = new bytes(500);
        vm.prank(MINTER);
        nft.mint(long);
        vm.snapshotGasLastCall("GitexNFT", "mint, 500 bytes of prompt");
        IGitexNFT.MintRequest[] memory batch = new IGitexNFT.MintRequest[](16);
        for (uint256 i = 0; i < batch.length; ++i) {
            batch[i] = _request(keccak256(abi.encode(i)));
        }
        vm.prank(MINTER);
        nft.mintBatch(batch);
        vm.snapshotGasLastCall("GitexNFT", "mintBatch of 16");
    }

    function test_gas_ofVouchersAndTransfers() public {
        PlainERC721 plain = new PlainERC721();
        plain.mint(CREATOR, 1);
        vm.prank(CREATOR);
        plain.transferFrom(CREATOR, STRANGER, 1);
        vm.snapshotGasLastCall("GitexNFT", "transferFrom, plain ERC-721");
        IGitexNFT.MintVoucher memory voucher = _voucher("voucher");
        bytes memory signature = _sign("minter", nft.voucherDigest(voucher));
        vm.deal(CREATOR, 1 ether);
        vm.prank(CREATOR);
        uint256 tokenId = nft.redeem{value: voucher.price}(voucher, MINTER, signature);
        vm.snapshotGasLastCall("GitexNFT", "redeem");
        vm.prank(CREATOR);
        nft.transferFrom(CREATOR, STRANGER, tokenId);
        vm.snapshotGasLastCall("GitexNFT", "transferFrom");
    }
}

/// forge-config: default.isolate = true
contract GTXGasTest is GTXFixture {
    function test_gas_ofTransfers() public {
        PlainERC20 plain = new PlainERC20(HOLDER);
        vm.prank(HOLDER);
        plain.transfer(STRANGER, 1);
        vm.snapshotGasLastCall("GTX", "transfer, plain ERC-20");
        _give(STRANGER, 1);
        vm.snapshotGasLastCall("GTX", "transfer");
        vm.prank(HOLDER);
        gtx.delegate(HOLDER);
        _later(1);
        _give(STRANGER, 1);
        vm.snapshotGasLastCall("GTX", "transfer, delegated");
        _stake(HOLDER, 100 ether);
        _give(STRANGER, 1);
        vm.snapshotGasLastCall("GTX", "transfer, delegated and staked");
    }

    function test_gas_ofStaking() public {
        _stake(HOLDER, GOLD);
        vm.snapshotGasLastCall("GTX", "stake");
        vm.prank(HOLDER);
        gtx.fundRewards(700 ether);
        vm.snapshotGasLastCall("GTX", "fundRewards");
        _later(2 days);
        vm.prank(HOLDER);
        gtx.claimRewards();
        vm.snapshotGasLastCall("GTX", "claimRewards");
        vm.prank(HOLDER);
        gtx.requestUnstake(GOLD);
        vm.snapshotGasLastCall("GTX", "requestUnstake");
        _later(COOLDOWN);
        vm.prank(HOLDER);
        gtx.unstake();
        vm.snapshotGasLastCall("GTX", "unstake");
    }

    function test_gas_ofDeposits() public {
        vm.prank(HOLDER);
        gtx.approve(address(vault), 100 ether);
        vm.prank(HOLDER);
        vault.deposit("acct_1", 10 ether);
        vm.snapshotGasLastCall("FeeVault", "deposit");
        vm.deal(HOLDER, 1 ether);
        vm.prank(HOLDER);
        vault.depositNative{value: 1 ether}("acct_1");
        vm.snapshotGasLastCall("FeeVault", "depositNative");
    }
}
