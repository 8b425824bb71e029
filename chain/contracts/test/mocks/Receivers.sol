// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IGitexNFT} from "../../src/interfaces/IGitexNFT.sol";

/// @dev A contract that refuses tokens and coins with a reason of its own.
contract RefusingReceiver {
    error NotHere();

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        revert NotHere();
    }
}

/// @dev A contract that tries to mint again while it receives.
contract ReentrantReceiver {
    IGitexNFT.MintRequest private _again;
    bytes public refusal;

    function prepare(IGitexNFT.MintRequest calldata again) external {
        _again = again;
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        try IGitexNFT(msg.sender).mint(_again) {}
        catch (bytes memory reason) {
            refusal = reason;
        }
        return this.onERC721Received.selector;
    }
}

/// @dev A wallet contract that signs as its key does.
contract WalletContract is IERC1271 {
    address private immutable KEY;

    constructor(address key) {
        KEY = key;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecover(digest, signature);
        return signer == KEY ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}
