// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Content identifiers of version 1 with SHA2-256
/// @dev https://github.com/multiformats/cid: version, codec, 0x12, 0x20, digest; base32 in lower case behind a `b`.
library Cid {
    /// @notice Codec of a raw block, a file of one chunk.
    uint8 internal constant RAW = 0x55;
    /// @notice Codec of a dag-pb node, the root of a larger file.
    uint8 internal constant DAG_PB = 0x70;

    bytes32 private constant ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
    uint256 private constant BYTES = 36;
    uint256 private constant CHARACTERS = 58;

    /// @notice The CID as text, 59 characters.
    function toString(uint8 codec, bytes32 digest) internal pure returns (string memory) {
        bytes memory text = new bytes(CHARACTERS + 1);
        text[0] = "b";
        bytes memory binary = abi.encodePacked(uint8(1), codec, uint16(0x1220), digest);
        uint256 buffer = 0;
        uint256 bits = 0;
        uint256 place = 1;
        for (uint256 i = 0; i < BYTES; ++i) {
            buffer = (buffer << 8) | uint8(binary[i]);
            bits += 8;
            while (bits >= 5) {
                bits -= 5;
                text[place++] = ALPHABET[(buffer >> bits) & 31];
            }
        }
        // 288 bits are 57 groups of five and three bits more.
        text[place] = ALPHABET[(buffer << (5 - bits)) & 31];
        return string(text);
    }
}
