"""Signers elsewhere: how they speak, and that nothing they answer is believed."""

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from chain.external_signer import ExternalSigner, open_external_signer
from chain.signing_forms import transaction_fields
from gitex.errors import SettingsError, Unavailable
from tests.fakes.rpc_server import RpcServer, error, hangs, result, sends
from tests.fakes.signing_examples import BOB, CREATION, TRANSACTION, TYPED_DATA
from tests.fakes.signing_server import (
    KEY,
    OTHER_KEY,
    SIGNER,
    STRANGER,
    is_clef,
    is_web3signer,
    signs_transactions,
    signs_typed_data,
    twin,
)


@pytest.fixture
async def signer(server: RpcServer) -> ExternalSigner:
    is_web3signer(server)
    return await open_external_signer(server.url, timeout_s=10)


@pytest.mark.parametrize("speak", [is_web3signer, is_clef])
async def test_it_signs_whatever_it_calls_its_methods(server: RpcServer, speak: Callable[[RpcServer], None]) -> None:
    speak(server)
    signer = await open_external_signer(server.url, timeout_s=10)
    assert signer.addresses == (SIGNER.address,)
    for wanted in (TRANSACTION, CREATION):
        assert await signer.sign_transaction(SIGNER.address, wanted) == SIGNER.sign_transaction(wanted)
    signature = await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    assert Account.recover_message(encode_typed_data(full_message=TYPED_DATA), signature=signature) == SIGNER.address


async def test_a_signer_that_takes_objects_gets_one(server: RpcServer, signer: ExternalSigner) -> None:
    server.says["eth_signTypedData_v4"] = signs_typed_data(form=dict)
    await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    method, (address, data) = server.asked[-1]
    assert (method, address) == ("eth_signTypedData_v4", SIGNER.address)
    assert [field["name"] for field in data["types"]["EIP712Domain"]] == [*TYPED_DATA["domain"]]
    assert data["message"]["uid"] == "0x" + "07" * 32
    assert data["message"]["price"] == str(2**255 + 1)
    assert data["message"]["good"] is True


async def test_a_creation_has_no_recipient(server: RpcServer, signer: ExternalSigner) -> None:
    await signer.sign_transaction(SIGNER.address, CREATION)
    _, (asked,) = server.asked[-1]
    assert "to" not in asked


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": 8},
        {"to": SIGNER.address},
        {"to": ""},
        {"data": b"\x12\x35"},
        {"data": b""},
        {"gas": 50_001},
        {"max_fee": 31},
        {"priority_fee": 3},
        {"value": 6},
        {"chain_id": 1},
        {"key": STRANGER},
    ],
)
async def test_another_transaction_than_was_asked_for_is_not_taken(
    server: RpcServer, signer: ExternalSigner, changes: dict[str, Any]
) -> None:
    server.says["eth_signTransaction"] = signs_transactions(**changes)
    with pytest.raises(Unavailable, match="does not sign what it is asked to: another"):
        await signer.sign_transaction(SIGNER.address, TRANSACTION)


def _legacy() -> str:
    fields = {"nonce": 7, "to": BOB, "data": "0x1234", "gas": 50_000, "gasPrice": 30, "value": 5, "chainId": 31337}
    return "0x" + bytes(Account.sign_transaction(fields, KEY).raw_transaction).hex()


def _with_access_list() -> str:
    fields = {"nonce": 7, "to": BOB, "data": "0x1234", "gas": 50_000, "maxFeePerGas": 30, "maxPriorityFeePerGas": 2}
    listed = [{"address": BOB, "storageKeys": ["0x" + "00" * 32]}]
    signed = Account.sign_transaction(fields | {"value": 5, "chainId": 31337, "type": 2, "accessList": listed}, KEY)
    return "0x" + bytes(signed.raw_transaction).hex()


GOOD = SIGNER.sign_transaction(TRANSACTION).raw


def _twin_of_good() -> str:
    """The same transaction, by the same key, with the signature that nodes refuse."""
    v, r, s = TypedTransaction.from_bytes(HexBytes(GOOD)).vrs()
    other = twin(r.to_bytes(32) + s.to_bytes(32) + bytes([27 + v]))
    signature = {"v": other[64] - 27, "r": r, "s": int.from_bytes(other[32:64])}
    raw = bytes(TypedTransaction.from_dict(transaction_fields(TRANSACTION) | signature).encode())
    assert Account.recover_transaction(raw) == SIGNER.address
    return "0x" + raw.hex()


@pytest.mark.parametrize(
    "answer",
    [
        _legacy(),
        _with_access_list(),
        "0x" + GOOD.hex() + "00",
        "0x" + GOOD[:-1].hex(),
        "0x" + GOOD[1:].hex(),
        _twin_of_good(),
        "0x02",
        "0x",
        "",
        None,
        5,
        [],
        {},
        {"raw": None},
        {"raw": {}},
    ],
)
async def test_what_is_no_such_transaction_is_not_taken(
    server: RpcServer, signer: ExternalSigner, answer: object
) -> None:
    server.says["eth_signTransaction"] = result(answer)
    with pytest.raises(Unavailable, match="does not sign what it is asked to"):
        await signer.sign_transaction(SIGNER.address, TRANSACTION)


@pytest.mark.parametrize(
    "shape",
    [
        lambda signature: signature[:64],
        lambda signature: signature + b"\0",
        lambda signature: signature[:64] + bytes([55 - signature[64]]),
        lambda signature: signature[:64] + b"\x25",
        lambda signature: bytes(65),
        lambda signature: b"\xff" * 65,
        lambda signature: b"",
        lambda signature: bytes([signature[0] ^ 1]) + signature[1:],
        twin,
    ],
)
async def test_a_signature_that_is_not_of_the_data_is_not_taken(
    server: RpcServer, signer: ExternalSigner, shape: Callable[[bytes], bytes]
) -> None:
    server.says["eth_signTypedData"] = signs_typed_data(form=str, shape=shape)
    with pytest.raises(Unavailable, match="does not sign what it is asked to"):
        await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    server.says["eth_signTypedData"] = signs_typed_data(key=OTHER_KEY, form=str)
    with pytest.raises(Unavailable, match="another key's"):
        await signer.sign_typed_data(SIGNER.address, TYPED_DATA)


async def test_a_signature_with_the_older_last_byte_is_brought_into_form(
    server: RpcServer, signer: ExternalSigner
) -> None:
    server.says["eth_signTypedData"] = signs_typed_data(form=str, shape=lambda s: s[:64] + bytes([s[64] - 27]))
    assert await signer.sign_typed_data(SIGNER.address, TYPED_DATA) == SIGNER.sign_typed_data(TYPED_DATA)


async def test_a_refusal_is_a_setting_to_mend_and_a_failure_may_pass(server: RpcServer, signer: ExternalSigner) -> None:
    for code, message, kind in (
        (-32000, "Request denied", SettingsError),
        (-32602, "from is not an unlocked account", SettingsError),
        (-32603, "Internal error", Unavailable),
    ):
        server.says["eth_signTransaction"] = server.says["eth_signTypedData"] = error(code, message)
        with pytest.raises(kind, match=message) as raised:
            await signer.sign_transaction(SIGNER.address, TRANSACTION)
        assert raised.value.param == ("GITEX_CHAIN_SIGNER_URL" if kind is SettingsError else None)
        with pytest.raises(kind, match=message):
            await signer.sign_typed_data(SIGNER.address, TYPED_DATA)


@pytest.mark.parametrize("answer", [None, {}, ["alice"], [5], "0x"])
async def test_addresses_that_are_none_are_not_taken(server: RpcServer, answer: object) -> None:
    server.says["eth_accounts"] = result(answer)
    with pytest.raises(Unavailable, match="does not tell its addresses"):
        await open_external_signer(server.url, timeout_s=10)


async def test_a_signer_without_keys_or_that_tells_nothing_is_a_setting_to_mend(server: RpcServer) -> None:
    with pytest.raises(SettingsError, match=r"GITEX_CHAIN_SIGNER_URL: .* refuses"):
        await open_external_signer(server.url, timeout_s=10)
    server.says["eth_accounts"] = result([])
    with pytest.raises(SettingsError, match="has no keys"):
        await open_external_signer(server.url, timeout_s=10)


async def test_a_signer_that_does_not_answer_may_later(server: RpcServer) -> None:
    server.says["eth_accounts"] = sends(b"<html>", status="503 Service Unavailable")
    with pytest.raises(Unavailable, match="HTTP status 503"):
        await open_external_signer(server.url, timeout_s=10)
    server.says["eth_accounts"] = hangs
    with pytest.raises(Unavailable, match="within 1 s"):
        await open_external_signer(server.url, timeout_s=1)
