"""Why a contract refused, in words."""

import re
import string

import pytest
from eth_utils.crypto import keccak

from chain.abi import Entry, Parameter, encode_values
from chain.artifacts import artifact_names, load_artifact
from chain.revert_words import PANICS, WORDS
from chain.reverts import explained

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ERRORS = {
    entry.signature: entry
    for entry in (entry for name in artifact_names() for entry in load_artifact(name).of_kind("error"))
}


def revert(name: str, *values: object) -> bytes:
    (entry,) = (entry for entry in ERRORS.values() if entry.name == name)
    return entry.selector + encode_values(entry.inputs, values)


def sample(parameter: Parameter) -> object:
    kinds = {"address": ALICE, "string": "words", "bytes32": b"\xab" * 32, "bool": True}
    return kinds.get(parameter.type, 5)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (revert("GitexNFT__AlreadyMinted", b"\1" * 32), "GitexNFT__AlreadyMinted", "this asset has its token already"),
        (revert("EnforcedPause"), "EnforcedPause", "the contract is paused"),
        (revert("GitexNFT__RoyaltyTooHigh", 1234), "GitexNFT__RoyaltyTooHigh", "12.34 %"),
        (revert("GitexNFT__VoucherExpired", 1_700_000_000), "GitexNFT__VoucherExpired", "2023-11-14 22:13:20 UTC"),
        (revert("GitexNFT__VoucherExpired", 2**64), "GitexNFT__VoucherExpired", "until second 18446744073709551616"),
        (revert("GitexNFT__WrongPrice", 1, 15 * 10**17), "GitexNFT__WrongPrice", "costs 1.5 .* 0.000000000000000001 "),
        (revert("GTX__NothingToRelease", 0), "GTX__NothingToRelease", "nothing cools down"),
        (revert("GTX__AmountNotStaked", 10**18, 2 * 10**18), "GTX__AmountNotStaked", "only 1 GTX are staked, not 2$"),
        (revert("ERC721InvalidReceiver", ALICE), "ERC721InvalidReceiver", f"^{ALICE} does not take tokens"),
        (
            revert("AccessControlUnauthorizedAccount", ALICE, keccak(text="MINTER_ROLE")),
            "AccessControlUnauthorizedAccount",
            f"{ALICE} .* role MINTER_ROLE$",
        ),
        (
            revert("AccessControlUnauthorizedAccount", ALICE, bytes(32)),
            "AccessControlUnauthorizedAccount",
            "DEFAULT_ADMIN_ROLE$",
        ),
        (
            revert("GovernorUnexpectedProposalState", 3, 7, bytes(32)),
            "GovernorUnexpectedProposalState",
            "proposal 3 is executed",
        ),
        (
            revert("GovernorUnexpectedProposalState", 3, 8, bytes(32)),
            "GovernorUnexpectedProposalState",
            "proposal 3 is 8",
        ),
        (
            revert("GovernorOnlyExecutor", ALICE),
            "GovernorOnlyExecutor",
            f"refuses the call: GovernorOnlyExecutor\\(account={ALICE}\\)",
        ),
        (bytes.fromhex("08c379a0") + encode_values([Parameter("", "string")], ["no {cats}\n"]), "", r": no \{cats\} $"),
        (bytes.fromhex("4e487b71") + (0x11).to_bytes(32), "Panic", "a number overflows .0x11."),
        (bytes.fromhex("4e487b71") + (0x99).to_bytes(32), "Panic", "panic .0x99."),
        (b"", "", "gives no reason"),
        (b"\x12\x34", "", "do not know: 0x1234$"),
        (b"\x12\x34\x56\x78" + bytes(300), "", "… .304 bytes.$"),
        (revert("GitexNFT__AlreadyMinted", b"\1" * 32)[:20], "", "do not know"),
        (bytes.fromhex("08c379a0") + b"\xff" * 64, "", "do not know"),
    ],
)
def test_the_words(data: bytes, error: str, words: str) -> None:
    reverted = explained(data)
    assert reverted.error == error
    assert re.search(words, reverted.message), reverted.message


def test_somebody_elses_words_are_cut() -> None:
    told = explained(bytes.fromhex("08c379a0") + encode_values([Parameter("", "string")], ["a" * 10_000]))
    assert len(told.message) < 400


@pytest.mark.parametrize("signature", sorted(ERRORS))
def test_every_error_of_our_contracts_has_words(signature: str) -> None:
    entry: Entry = ERRORS[signature]
    told = explained(entry.selector + encode_values(entry.inputs, [sample(part) for part in entry.inputs]))
    assert told.error == entry.name
    assert "do not know" not in told.message
    used = {field for _, field, _, _ in string.Formatter().parse(WORDS.get(entry.name, "")) if field}
    assert used <= {part.name for part in entry.inputs}


def test_errors_of_gitex_itself_have_sentences_and_no_sentence_is_of_no_error() -> None:
    names = {entry.name for entry in ERRORS.values()}
    assert {name for name in names if "__" in name} <= set(WORDS)
    assert set(WORDS) <= names
    assert 0x11 in PANICS


def test_no_two_errors_share_a_selector() -> None:
    assert len({entry.selector for entry in ERRORS.values()}) == len(ERRORS)
