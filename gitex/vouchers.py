"""Vouchers: mints that the service has signed, and that the creator's own wallet sends and pays for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Voucher:
    """All that a wallet needs to mint by itself. Good once, and only for the creator that it names."""

    uid: str
    """Random, 32 bytes as 0x…"""
    chain_id: int
    contract: str
    """Whom to send the transaction to; checksummed, as all addresses here."""
    creator: str
    """The only one who may send it."""
    token_id: int
    deadline: datetime
    """The last second, of the chain's own clock, at which it is good. Aware, UTC."""
    price: int
    """What the transaction must send, exactly, in wei."""
    signer: str
    signature: str
    """65 bytes as 0x…, over `digest`."""
    digest: str
    """EIP-712 digest of `typed_data`, 32 bytes as 0x…"""
    typed_data: Mapping[str, Any]
    """As `eth_signTypedData_v4` takes it and JSON can say it: bytes as 0x…, the message's numbers as decimal text."""
    calldata: str
    """The call of `redeem`, 0x…: with `contract` and `price` the whole transaction."""
