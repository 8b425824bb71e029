"""Unsigned LEB128 numbers, as protobuf and CAR write them."""

from gitex.errors import InvalidInput

MAX_BYTES = 10
"""64 bits, seven a byte."""


def write_varint(value: int) -> bytes:
    """The shortest encoding of a number from 0 to 2**64 - 1."""
    if not 0 <= value < 1 << 64:
        raise ValueError("a varint holds 64 bits")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """The number that begins at that offset, and the offset behind it.

    Raise `EOFError` if the data ends inside it, `InvalidInput` if it has more than 64 bits.
    """
    value = 0
    for index in range(MAX_BYTES):
        if at + index >= len(data):
            raise EOFError("the data ends inside a varint")
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + index + 1
    raise InvalidInput("a varint has more than 64 bits")
