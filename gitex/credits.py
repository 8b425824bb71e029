"""Generation credits: deposits seen on chain, and the double-entry ledger that they are booked in."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True)
class Deposit:
    """One deposit of a fee vault, in a block that stays."""

    chain_id: int
    vault: str
    """Checksummed, as all addresses here."""
    deposit_id: int
    """From 1, without gaps."""
    account: str
    """The reference that the payer gave: 32 bytes as 0x… in lower case."""
    payer: str
    asset: str
    """The token that was paid; the zero address for the chain's coin."""
    amount: int
    """In the asset's smallest unit, up to 256 bits."""
    credits: int
    """What it bought, discount included."""
    discount_bps: int
    block_number: int
    transaction: str
    """Hash (0x…)."""


class DepositCursor(NamedTuple):
    """How far the deposits of a vault are booked."""

    next_block: int
    """The first block that was not looked at."""
    next_deposit: int
    """The number that the next deposit must have."""


@dataclass(frozen=True)
class LedgerEntry:
    """One side of a booking, as the account's owner sees it."""

    booking: str
    """What both sides share: `deposit:{chain id}:{vault}:{deposit id}` for a deposit."""
    account: str
    credits: int
    """Positive: received. The sum over all accounts of a booking is 0."""
    booked_at: datetime
    """Aware, UTC."""
    transaction: str = ""
    """Hash (0x…) of what it was booked for; empty if that is not on a chain."""
