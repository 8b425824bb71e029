"""Calls, answers, events and constructors of our contracts, coded without a node."""

import hashlib
import json
from typing import Any

import pytest
from eth_utils.crypto import keccak

from chain.artifacts import artifact_names, load_artifact
from chain.contract import Contract, creation_code
from chain.node import Log
from gitex.errors import Unavailable

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
BOB = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NFT = Contract("GitexNFT", BOB)
DIGEST = hashlib.sha256(b"picture").digest()
REQUEST = {
    "to": ALICE,
    "creator": BOB,
    "assetDigest": DIGEST,
    "metadataDigest": DIGEST,
    "modelDigest": DIGEST,
    "metadataCodec": 0x55,
    "royaltyBps": 500,
    "prompt": json.dumps(["a cat"]).encode(),
}


def word(number: int) -> bytes:
    return number.to_bytes(32)


def log(*topics: bytes, data: bytes = b"", address: str = BOB) -> Log:
    return Log(address, tuple(f"0x{topic.hex()}" for topic in topics), data, 1, "0x" + "1" * 64, "0x" + "2" * 64, 0)


def test_a_call_is_its_selector_and_its_arguments() -> None:
    assert NFT.encode("tokenURI", 7) == keccak(text="tokenURI(uint256)")[:4] + word(7)
    assert NFT.encode("isMinted", DIGEST) == keccak(text="isMinted(bytes32)")[:4] + DIGEST


def test_a_struct_may_be_given_by_names_or_in_order() -> None:
    kind = "(address,address,bytes32,bytes32,bytes32,uint8,uint16,bytes)"
    by_name = NFT.encode("mintBatch", [REQUEST])
    assert by_name[:4] == keccak(text=f"mintBatch({kind}[])")[:4]
    assert by_name == NFT.encode("mintBatch", [tuple(REQUEST.values())])
    assert by_name == NFT.encode("mintBatch", [dict(reversed(REQUEST.items()))])


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("isMinted", [DIGEST[:31]]),  # the library would fill it up
        ("isMinted", ["0x" + DIGEST.hex()]),
        ("tokenURI", [-1]),
        ("tokenURI", [2**256]),
        ("tokenURI", ["7"]),
        ("tokenURI", []),
        ("balanceOf", [ALICE[:-1]]),
        ("mint", [REQUEST | {"assetDigest": DIGEST[:5]}]),
        ("mint", [{"to": ALICE}]),
        ("mint", [REQUEST | {"extra": 1}]),
        ("mint", [(ALICE,)]),
        ("mint", [7]),
        ("nothing", [7]),
    ],
)
def test_values_that_do_not_fit_are_refused(function: str, values: list[Any]) -> None:
    with pytest.raises(ValueError, match="GitexNFT"):
        NFT.encode(function, *values)


def test_an_overloaded_function_is_found_by_the_number_of_its_arguments_or_its_signature() -> None:
    three = NFT.encode("safeTransferFrom", ALICE, BOB, 7)
    assert three[:4] == keccak(text="safeTransferFrom(address,address,uint256)")[:4]
    four = NFT.encode("safeTransferFrom", ALICE, BOB, 7, b"x")
    assert four[:4] == keccak(text="safeTransferFrom(address,address,uint256,bytes)")[:4]
    assert four == NFT.encode("safeTransferFrom(address,address,uint256,bytes)", ALICE, BOB, 7, b"x")


def test_an_answer_is_a_tuple_with_structs_by_name_and_checksummed_addresses() -> None:
    fields = [DIGEST, DIGEST, DIGEST, DIGEST, bytes(12) + bytes.fromhex(ALICE[2:]), word(0x70), word(500), word(99)]
    (provenance,) = NFT.decode("provenanceOf", b"".join(fields))
    assert provenance == {
        "assetDigest": DIGEST,
        "metadataDigest": DIGEST,
        "modelDigest": DIGEST,
        "promptDigest": DIGEST,
        "creator": ALICE,
        "metadataCodec": 0x70,
        "royaltyBps": 500,
        "mintedAt": 99,
    }
    assert NFT.decode("isMinted", word(1)) == (True,)
    assert Contract("GTX", ALICE).decode("stakingTimes", word(60) + word(61)) == (60, 61)


@pytest.mark.parametrize(("data", "words"), [(b"", "no contract"), (word(2), "another contract"), (b"12", "another")])
def test_an_answer_of_something_else_says_so(data: bytes, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as raised:
        NFT.decode("isMinted", data)
    assert BOB in raised.value.message


def test_an_event_is_its_values_by_name() -> None:
    recorded = keccak(text="PromptRecorded(uint256,bytes)")
    assert NFT.topic("PromptRecorded") == f"0x{recorded.hex()}"
    found = NFT.event(log(recorded, word(7), data=word(32) + word(2) + b"[]".ljust(32, b"\0")))
    assert found == {"tokenId": 7, "prompt": b"[]"}
    transfer = log(keccak(text="Transfer(address,address,uint256)"), word(0), word(int(ALICE, 16)), word(7))
    assert NFT.event(transfer) == {"from": "0x" + "0" * 40, "to": ALICE, "tokenId": 7}


@pytest.mark.parametrize(
    "other",
    [
        log(),
        log(word(1), word(7)),
        log(keccak(text="PromptRecorded(uint256,bytes)"), word(7), data=word(32) + word(0), address=ALICE),
        log(keccak(text="PromptRecorded(uint256,bytes)"), data=word(32) + word(0)),
        log(keccak(text="PromptRecorded(uint256,bytes)"), word(7), data=b"no"),
        # ERC-20's has one topic less.
        log(keccak(text="Transfer(address,address,uint256)"), word(0), word(1), data=word(5)),
    ],
)
def test_what_is_no_event_of_the_contract_is_none(other: Log) -> None:
    assert NFT.event(other) is None


def test_a_creation_is_the_bytecode_and_the_constructors_arguments() -> None:
    assert creation_code("GTX") == load_artifact("GTX").bytecode
    proxy = creation_code("GitexProxy", ALICE, b"\x01\x02")
    assert proxy.startswith(load_artifact("GitexProxy").bytecode)
    assert proxy.endswith(word(int(ALICE, 16)) + word(64) + word(2) + b"\x01\x02".ljust(32, b"\0"))
    with pytest.raises(ValueError, match="constructor of GTX"):
        creation_code("GTX", 1)


def test_every_contract_of_ours_can_be_loaded_and_no_other() -> None:
    assert {load_artifact(name).name for name in artifact_names()} == set(artifact_names())
    assert "GitexNFT" in artifact_names()
    with pytest.raises(ValueError, match="known: FeeVault"):
        load_artifact("../GitexNFT")
