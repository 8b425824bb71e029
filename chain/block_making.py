"""When the embedded chain makes a block, and when it is saved.

Blocks are made when somebody sends a transaction, until that one is final; a few more at growing distances after that,
for the time that contracts see is the time of the newest block. A chain that nobody uses does not grow.

What is final is saved: the block that becomes final by the next one is on the disk before that one is made. So whoever
acts on what is final loses nothing when the chain is killed; what is not final yet may be gone then, as on every chain.
"""

from collections.abc import Callable
from typing import Protocol

from chain.anvil import Tip
from chain.saved_state import SavedState

FINALITY = 2
"""Blocks on top that make one final: anvil's, with one slot in an epoch."""
FIRST_BEAT = 1.0
"""Seconds after the newest block until there is another one, without transactions…"""
BEAT_SHARE = 0.25
"""…or this part of the time since the last transaction, if that is longer: some fifty blocks in a day."""
FIRST_STALL, LONGEST_STALL = 0.2, 60.0
"""Seconds until what did not fit into a block is tried again, as when it pays less than the base fee."""


class Chain(Protocol):
    """What is asked of anvil: see `chain.anvil.AnvilRpc`."""

    def tip(self) -> Tip:
        """Where the chain is."""

    def hash(self, number: int) -> str:
        """Of the block with that number."""

    def mine(self) -> None:
        """Make one block."""

    def dump(self) -> bytes:
        """The whole chain."""


class BlockMaker:
    """Makes the blocks of one chain that makes none by itself."""

    def __init__(self, chain: Chain, saved: SavedState, now: Callable[[], float]) -> None:
        """`now`: the wall clock, Unix seconds. What the chain has got at present counts as saved."""
        self._chain = chain
        self._saved = saved
        self._now = now
        tip = chain.tip()
        self._saved_number, self._saved_hash = tip.number, tip.hash
        self._worked, self._worked_at = tip.number, float(tip.timestamp)
        self._stall, self._stalled_until = FIRST_STALL, 0.0

    def step(self) -> bool:
        """Make a block if it is time; False if it is not. Raises `Unavailable`, and `OSError` if it cannot be saved."""
        tip = self._chain.tip()
        self._note(tip)  # others may have made blocks
        if not (self._is_asked(tip) or tip.number < self._worked + FINALITY or self._beats(tip)):
            return False
        if tip.number - self._saved_number >= FINALITY or self._is_another(tip):
            self._save(tip)
        self._chain.mine()
        made = self._chain.tip()
        self._note(made)
        if tip.pending and not made.transactions:
            self._stalled_until = self._now() + self._stall
            self._stall = min(self._stall * 2, LONGEST_STALL)
        return True

    def save(self) -> None:
        """Keep the chain as it is now, unless it is kept. Raises as `step` does."""
        tip = self._chain.tip()
        if tip.hash != self._saved_hash:
            self._save(tip)

    @property
    def settled(self) -> bool:
        """Whether everything that was ever asked for is final."""
        tip = self._chain.tip()
        return not self._is_asked(tip) and tip.number >= self._worked + FINALITY

    def _save(self, tip: Tip) -> None:
        self._saved.save(self._chain.dump())
        # Blocks that others made in between are in the dump as well: they are saved once more, later.
        self._saved_number, self._saved_hash = tip.number, tip.hash

    def _note(self, tip: Tip) -> None:
        if tip.transactions and tip.number != self._worked:
            self._worked, self._worked_at = tip.number, float(tip.timestamp)
            self._stall = FIRST_STALL
        elif tip.number < self._worked:  # somebody turned the chain back
            self._worked = tip.number

    def _is_asked(self, tip: Tip) -> bool:
        return tip.pending > 0 and self._now() >= self._stalled_until

    def _is_another(self, tip: Tip) -> bool:
        """Whether the chain is not the saved one with more blocks."""
        return tip.number < self._saved_number or self._chain.hash(self._saved_number) != self._saved_hash

    def _beats(self, tip: Tip) -> bool:
        pause = max(FIRST_BEAT, BEAT_SHARE * (tip.timestamp - self._worked_at))
        return self._now() - tip.timestamp >= pause
