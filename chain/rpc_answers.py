"""The shapes of a node's answers. Each function raises `ValueError` for what is not of its shape."""

import re
from typing import Any

from eth_utils.address import to_checksum_address

from chain.node import Head, Log
from gitex.minting import Inclusion

_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def quantity(value: object) -> int:
    """0 to 2**256 - 1."""
    return int(_matching(_QUANTITY, value), 16)


def data(value: object) -> bytes:
    """Any number of bytes."""
    return bytes.fromhex(_matching(_DATA, value)[2:])


def hash_of(value: object) -> str:
    """0x and 64 digits, in lower case: hashes are compared as texts."""
    return _matching(_HASH, value).lower()


def address(value: object) -> str:
    """Checksummed."""
    return str(to_checksum_address(_matching(_ADDRESS, value)))


def head(value: object) -> Head:
    """A block."""
    block = _fields(value)
    return Head(
        number=quantity(block.get("number")),
        hash=hash_of(block.get("hash")),
        timestamp=quantity(block.get("timestamp")),
        base_fee=quantity(block.get("baseFeePerGas") or "0x0"),
    )


def inclusion(value: object, transaction_hash: str) -> Inclusion | None:
    """A receipt of that transaction; None for one that is in no block yet."""
    receipt = _fields(value)
    if hash_of(receipt.get("transactionHash")) != transaction_hash.lower():
        raise ValueError("another transaction's receipt")
    if receipt.get("blockHash") is None or receipt.get("blockNumber") is None:
        return None
    return Inclusion(
        transaction_hash=transaction_hash.lower(),
        block_number=quantity(receipt.get("blockNumber")),
        block_hash=hash_of(receipt.get("blockHash")),
        succeeded=quantity(receipt.get("status")) == 1,
        fee=quantity(receipt.get("gasUsed")) * quantity(receipt.get("effectiveGasPrice")),
    )


def logs(value: object) -> list[Log]:
    """Events, in the chain's order."""
    if not isinstance(value, list):
        raise ValueError("not a list")
    items = [_fields(item) for item in value]
    # Those of replaced blocks are told to subscribers only; a node that tells them here as well is heard out.
    return sorted(
        (_log(item) for item in items if item.get("removed") is not True),
        key=lambda log: (log.block_number, log.log_index),
    )


def median_reward(value: object) -> int:
    """Of a fee history that was asked for one percentile: the middle of the blocks' priority fees, in wei."""
    rewards = _fields(value).get("reward")
    if not isinstance(rewards, list) or not all(isinstance(block, list) and block for block in rewards):
        raise ValueError("no rewards")
    fees = sorted(quantity(block[0]) for block in rewards)
    return fees[len(fees) // 2] if fees else 0


def _log(item: dict[str, Any]) -> Log:
    topics = item.get("topics")
    if not isinstance(topics, list):
        raise ValueError("no topics")
    return Log(
        address=address(item.get("address")),
        topics=tuple(hash_of(topic) for topic in topics),
        data=data(item.get("data")),
        block_number=quantity(item.get("blockNumber")),
        block_hash=hash_of(item.get("blockHash")),
        transaction_hash=hash_of(item.get("transactionHash")),
        log_index=quantity(item.get("logIndex")),
    )


def _fields(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("not of the shape")
    return value
