"""Signs as signers elsewhere do, with a development key; and as they should not."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.messages import encode_typed_data

from chain.dev_keys import MNEMONIC
from chain.held_keys import HeldKey
from chain.signer import UnsignedTransaction
from tests.fakes.rpc_server import Question, RpcServer, error, replies, result

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY, OTHER_KEY, THIRD_KEY = (
    key_from_seed(seed_from_mnemonic(MNEMONIC, ""), f"m/44'/60'/0'/0/{number}") for number in (2, 3, 4)
)
"""Development keys."""
SIGNER, STRANGER = HeldKey(KEY), HeldKey(OTHER_KEY)


def transaction_of(fields: dict[str, Any]) -> UnsignedTransaction:
    """What a question asks to be signed."""
    return UnsignedTransaction(
        chain_id=int(fields["chainId"], 16),
        nonce=int(fields["nonce"], 16),
        to=fields.get("to", ""),
        data=bytes.fromhex(fields["data"][2:]),
        gas=int(fields["gas"], 16),
        max_fee=int(fields["maxFeePerGas"], 16),
        priority_fee=int(fields["maxPriorityFeePerGas"], 16),
        value=int(fields["value"], 16),
    )


def signs_transactions(
    key: HeldKey = SIGNER, shape: Callable[[str], object] = lambda raw: raw, **changes: Any
) -> Callable[[Question], Any]:
    """With `changes` to what was asked for."""

    def answer(question: Question) -> object:
        wanted = dataclasses.replace(transaction_of(question.params[0]), **changes)
        raw = "0x" + key.sign_transaction(wanted).raw.hex()
        return {"jsonrpc": "2.0", "id": question.id, "result": shape(raw)}

    return replies(answer)


def signs_typed_data(
    key: bytes = KEY, form: type = dict, shape: Callable[[bytes], bytes] = bytes
) -> Callable[[Question], Any]:
    """If it comes in that form: an object, or a text."""

    async def behave(question: Question) -> None:
        data = question.params[1]
        if not isinstance(data, form):
            await error(-32602, "Invalid params")(question)
            return
        data = json.loads(data) if isinstance(data, str) else data
        signature = Account.sign_message(encode_typed_data(full_message=data), key).signature
        await result("0x" + shape(bytes(signature)).hex())(question)

    return behave


def twin(signature: bytes) -> bytes:
    """The other signature of the same key, which contracts refuse."""
    s = _ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def is_web3signer(server: RpcServer) -> None:
    server.says["eth_accounts"] = result([SIGNER.address.lower()])
    server.says["eth_signTransaction"] = signs_transactions()
    server.says["eth_signTypedData"] = signs_typed_data(form=str)


def is_clef(server: RpcServer) -> None:
    server.says["account_list"] = result([SIGNER.address])
    server.says["account_signTransaction"] = signs_transactions(shape=lambda raw: {"raw": raw, "tx": {}})
    server.says["account_signTypedData"] = signs_typed_data()
