"""What is signed, in the forms of libraries and of signers elsewhere; and whether a signature is the one asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from chain.signer import SignedTransaction, UnsignedTransaction

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Of secp256k1's: nodes and contracts take no signature whose `s` is higher (EIP-2)."""
_DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)


def transaction_fields(transaction: UnsignedTransaction) -> dict[str, Any]:
    """As eth_account takes it: of type 2, without an access list."""
    return {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to or b"",
        "data": transaction.data,
        "gas": transaction.gas,
        "maxFeePerGas": transaction.max_fee,
        "maxPriorityFeePerGas": transaction.priority_fee,
        "value": transaction.value,
    }


def transaction_json(address: str, transaction: UnsignedTransaction) -> dict[str, str]:
    """As JSON-RPC has it."""
    fields = {
        "from": address,
        "chainId": hex(transaction.chain_id),
        "nonce": hex(transaction.nonce),
        "data": f"0x{transaction.data.hex()}",
        "gas": hex(transaction.gas),
        "maxFeePerGas": hex(transaction.max_fee),
        "maxPriorityFeePerGas": hex(transaction.priority_fee),
        "value": hex(transaction.value),
    }
    return fields | ({"to": transaction.to} if transaction.to else {})


def checked_transaction(raw: bytes, address: str, transaction: UnsignedTransaction) -> SignedTransaction:
    """Raises `ValueError` unless these are the bytes of that transaction, signed by that address, and nothing else."""
    try:
        v, r, s = TypedTransaction.from_bytes(HexBytes(raw)).vrs()
        signed = TypedTransaction.from_dict(transaction_fields(transaction) | {"v": v, "r": r, "s": s})
        same = bytes(signed.encode()) == raw
        signer = Account.recover_transaction(raw)
    except Exception as problem:  # whatever the libraries say of bytes that are no transaction
        raise ValueError("no signed transaction") from problem
    if not same or s > HALF_ORDER:
        raise ValueError("another transaction than was to be signed")
    if signer != address:
        raise ValueError("another key's signature")
    return SignedTransaction(f"0x{keccak(raw).hex()}", raw)


def signable(typed_data: Mapping[str, Any]) -> SignableMessage:
    """Raises `ValueError` for what is no typed data."""
    try:
        return encode_typed_data(full_message=_complete(typed_data))
    except Exception as problem:
        raise ValueError(f"this is no typed data: {type(problem).__name__}") from problem


def typed_data_json(typed_data: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: bytes in hex, the message's numbers as decimal texts, which are exact whatever reads them."""
    whole = _complete(typed_data)
    return {
        "types": whole["types"],
        "primaryType": whole["primaryType"],
        "domain": _as_json(whole["domain"], numbers=True),
        "message": _as_json(whole["message"]),
    }


def checked_signature(signature: bytes, address: str, typed_data: Mapping[str, Any]) -> bytes:
    """With its last byte as contracts want it: 27 or 28.

    Raises `ValueError` unless it is that address's signature of exactly that data.
    """
    if len(signature) != 65:
        raise ValueError("a signature has 65 bytes")
    last = signature[64] + 27 if signature[64] in (0, 1) else signature[64]
    if last not in (27, 28) or int.from_bytes(signature[32:64]) > HALF_ORDER:
        raise ValueError("a signature that contracts do not take")
    signature = signature[:64] + bytes([last])
    try:
        signer = Account.recover_message(signable(typed_data), signature=signature)
    except Exception as problem:  # r or s out of range, a point that is none
        raise ValueError("no signature") from problem
    if signer != address:
        raise ValueError("another key's signature, or of other data")
    return signature


def _complete(typed_data: Mapping[str, Any]) -> dict[str, Any]:
    """With the domain's own type, which libraries add and signers ask for."""
    domain = [{"name": name, "type": kind} for name, kind in _DOMAIN if name in typed_data["domain"]]
    return {**typed_data, "types": {"EIP712Domain": domain, **typed_data["types"]}}


def _as_json(value: Any, *, numbers: bool = False) -> Any:
    match value:
        case bytes():
            return f"0x{value.hex()}"
        case bool() | str():
            return value
        case int():
            return value if numbers else str(value)
        case Mapping():
            return {key: _as_json(item, numbers=numbers) for key, item in value.items()}
        case Sequence():
            return [_as_json(item, numbers=numbers) for item in value]
        case _:
            raise ValueError(f"typed data cannot have a {type(value).__name__}")
