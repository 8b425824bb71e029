"""What a transaction may cost (EIP-1559): the first offer, a higher one, and the caps of both. All amounts in wei."""

from dataclasses import dataclass
from typing import NamedTuple

from chain.node import Head

_NUMERATOR, _DENOMINATOR = 9, 8
"""Nodes take a replacement from 10 % more on; an eighth more is over that at every one."""


class Fees(NamedTuple):
    """For a unit of gas."""

    max_fee: int
    """The most that is paid, the block's base fee included."""
    priority_fee: int
    """Of that, what the block's builder may keep."""


@dataclass(frozen=True)
class FeePolicy:
    """The most that the operator wants to pay. Both caps hold for the worst case: all the gas at the highest fee."""

    per_mint: int
    per_day: int
    """For all of a key's transactions of 24 hours."""


def offer(head: Head, priority_fee: int, most: int) -> Fees | None:
    """What to begin with, `most` at most: it stays good while the base fee doubles, which takes six full blocks.

    None if that much would not get into the next block.
    """
    if most < head.base_fee + priority_fee:
        return None
    return Fees(max(1, min(2 * head.base_fee + priority_fee, most)), priority_fee)


def replacement(old: Fees, head: Head, priority_fee: int, most: int) -> Fees | None:
    """What every node takes in place of `old`: an eighth more of both, or what one would begin with now if it is more.

    None if it would be over `most`.
    """
    priority = max(_raised(old.priority_fee), priority_fee)
    highest = max(_raised(old.max_fee), min(2 * head.base_fee + priority, most))
    return Fees(highest, priority) if priority <= highest <= most else None


def _raised(fee: int) -> int:
    return max(fee + 1, -(-fee * _NUMERATOR // _DENOMINATOR))
