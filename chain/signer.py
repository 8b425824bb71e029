"""The port of what signs: nobody but an adapter ever sees a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class UnsignedTransaction:
    """An EIP-1559 transaction. Fees in wei for a unit of gas."""

    chain_id: int
    nonce: int
    to: str
    """Empty for the creation of a contract."""
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int
    value: int = 0


class SignedTransaction(NamedTuple):
    """What a node takes."""

    hash: str
    """0x…"""
    raw: bytes


class Signer(Protocol):
    """Keys that sign for us. Raises `Unavailable` if they cannot be reached, and `SettingsError` if they refuse."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Whose keys it has, checksummed."""

    async def sign_transaction(self, address: str, transaction: UnsignedTransaction) -> SignedTransaction:
        """Sign with that address's key. Raise `Unavailable` as well if what comes back is not what was to be signed."""

    async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
        """An EIP-712 signature, 65 bytes; `typed_data` has `types`, `primaryType`, `domain` and `message`."""
