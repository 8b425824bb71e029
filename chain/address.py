"""Addresses of accounts and contracts, as we write them: checksummed (EIP-55)."""

import re

from eth_utils.address import to_checksum_address

from gitex.errors import InvalidInput

ZERO_ADDRESS = "0x" + "00" * 20
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def checksummed(text: str, *, param: str | None = None) -> str:
    """That address, checksummed; `param` names the field that it is from.

    Raises `InvalidInput` for anything but 0x and 40 hexadecimal digits, for digits of mixed case that do not fit the
    checksum, and for the zero address.
    """
    if not _ADDRESS.fullmatch(text):
        raise InvalidInput("an address is 0x and 40 hexadecimal digits", param=param)
    address = str(to_checksum_address(text))
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper(), address[2:]):
        raise InvalidInput("the address has a wrong checksum: a digit may be mistyped", param=param)
    if address == ZERO_ADDRESS:
        raise InvalidInput("this is the zero address, which nobody has the key of", param=param)
    return address
