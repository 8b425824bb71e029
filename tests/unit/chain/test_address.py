"""Addresses that people type."""

import pytest

from chain.address import ZERO_ADDRESS, checksummed
from gitex.errors import InvalidInput

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("text", [ALICE, ALICE.lower(), "0x" + ALICE[2:].upper(), "0x" + "1" * 40])
def test_an_address_is_checksummed(text: str) -> None:
    assert checksummed(text) == (ALICE if text.lower() == ALICE.lower() else text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ALICE.replace("f39F", "F39f"), "wrong checksum"),
        (ALICE[:-1] + "7", "wrong checksum"),
        (ALICE[:-1], "40 hexadecimal"),
        (ALICE + "0", "40 hexadecimal"),
        (ALICE[2:], "40 hexadecimal"),
        ("0X" + ALICE[2:], "40 hexadecimal"),
        ("0x" + "g" * 40, "40 hexadecimal"),
        (ALICE + "\n", "40 hexadecimal"),
        (" " + ALICE, "40 hexadecimal"),
        ("0x" + "१" * 40, "40 hexadecimal"),
        ("alice.eth", "40 hexadecimal"),
        ("", "40 hexadecimal"),
        (ZERO_ADDRESS, "zero address"),
    ],
)
def test_anything_else_is_refused_by_the_fields_name(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as raised:
        checksummed(text, param="recipient")
    assert raised.value.param == "recipient"
