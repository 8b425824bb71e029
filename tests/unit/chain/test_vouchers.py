"""Vouchers: what is signed, and what never is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chain.contract import Contract
from chain.vouchers import VoucherDesk
from gitex.errors import InvalidInput, Unavailable
from gitex.minting import MintJob, MintOrder
from tests.fakes.key_signer import KeySigner, account

NFT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
CREATOR, RECIPIENT = account(1).address, account(2).address
DEADLINE = datetime(2026, 11, 25, 12, 30, 15, 999_000, tzinfo=UTC)
ORDER = MintOrder("ast_1", "ab" * 32, RECIPIENT, CREATOR, 500, 31337, NFT)
JOB = MintJob("", ORDER, 0x55, b"m" * 32, b"w" * 32, b'["a red star"]', alone=False)


def _desk(signer: Any = None, **options: Any) -> VoucherDesk:
    return VoucherDesk(signer or KeySigner(), account(0).address, 31337, NFT, **options)


async def test_a_voucher_has_all_that_a_wallet_needs() -> None:
    desk = _desk(new_uid=lambda: b"u" * 32)
    voucher = await desk.issue(JOB, price=10**18, deadline=DEADLINE)
    assert (voucher.uid, voucher.contract, voucher.chain_id) == ("0x" + "75" * 32, NFT, 31337)
    assert (voucher.creator, voucher.signer, voucher.token_id) == (CREATOR, account(0).address, int("ab" * 32, 16))
    assert (voucher.price, voucher.deadline) == (10**18, DEADLINE.replace(microsecond=0))
    request = (RECIPIENT, CREATOR, b"\xab" * 32, b"m" * 32, b"w" * 32, 0x55, 500, JOB.prompt)
    signature = bytes.fromhex(voucher.signature[2:])
    call = ((b"u" * 32, int(DEADLINE.timestamp()), 10**18, request), voucher.signer, signature)
    assert voucher.calldata == "0x" + Contract("GitexNFT", NFT).encode("redeem", *call).hex()


async def test_the_typed_data_is_json_that_loses_no_digit() -> None:
    price = 2**255 + 1
    voucher = await _desk().issue(JOB, price=price, deadline=DEADLINE)
    data = json.loads(json.dumps(voucher.typed_data))
    assert data["primaryType"] == "MintVoucher"
    assert data["domain"] == {"name": "GitexNFT", "version": "1", "chainId": 31337, "verifyingContract": NFT}
    assert [field["name"] for field in data["types"]["EIP712Domain"]] == list(data["domain"])
    assert data["message"]["price"] == str(price)
    assert data["message"]["deadline"] == str(int(DEADLINE.timestamp()))
    assert data["message"]["request"]["prompt"] == "0x" + JOB.prompt.hex()
    # What was signed is what the wallet is shown.
    signed = account(0).sign_typed_data(full_message=data)
    assert "0x" + signed.signature.hex() == voucher.signature
    assert "0x" + signed.message_hash.hex() == voucher.digest


async def test_no_two_vouchers_are_the_same() -> None:
    first, second = [await _desk().issue(JOB, price=0, deadline=DEADLINE) for _ in range(2)]
    assert first.uid != second.uid
    assert first.signature != second.signature


@pytest.mark.parametrize(
    ("job", "price", "words"),
    [
        (replace(JOB, order=replace(ORDER, chain_id=1)), 0, "on chain 1"),
        (replace(JOB, order=replace(ORDER, contract=CREATOR)), 0, "is for"),
        (replace(JOB, order=replace(ORDER, royalty_bps=1001)), 0, "basis points"),
        (replace(JOB, prompt=b""), 0, "prompt history"),
        (replace(JOB, prompt=b"x" * 16_385), 0, "prompt history"),
        (replace(JOB, metadata_digest=b"short"), 0, "could not take"),
        (replace(JOB, order=replace(ORDER, recipient="0x12")), 0, "could not take"),
        (JOB, -1, "could not take"),
        (JOB, 2**256, "could not take"),
    ],
)
async def test_what_could_never_be_redeemed_is_not_signed(job: MintJob, price: int, words: str) -> None:
    class NoSigner(KeySigner):
        async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
            raise AssertionError("it was signed")

    with pytest.raises(InvalidInput, match=words):
        await _desk(NoSigner()).issue(job, price=price, deadline=DEADLINE)


class _Forger(KeySigner):
    """Signs with another key, or not at all."""

    def __init__(self, given: bytes | None) -> None:
        super().__init__(keys=2)
        self.given = given

    async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
        return await super().sign_typed_data(self.addresses[1], typed_data) if self.given is None else self.given


@pytest.mark.parametrize("given", [None, b"", bytes(65), b"\x01" * 64 + b"\x63", b"\x01" * 64 + b"\x1b"])
async def test_a_signature_that_is_not_the_keys_is_never_handed_on(given: bytes | None) -> None:
    with pytest.raises(Unavailable, match="no usable signature"):
        await _desk(_Forger(given)).issue(JOB, price=0, deadline=DEADLINE)


async def test_a_signer_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await _desk(KeySigner(down=True)).issue(JOB, price=0, deadline=DEADLINE)
