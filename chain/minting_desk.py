"""What the parts of a minter share: the ports, the sender, and one look at the chain."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from chain.contract import Contract
from chain.fees import FeePolicy
from chain.node import Head, Node
from chain.signer import Signer
from configs.chains import Chain
from gitex.metrics import MINT_PROBLEM, TRANSACTIONS
from gitex.minting import Sender
from gitex.ports import MintOutbox, Recorder

PROBLEMS = ("node", "wrong_chain", "funds", "fee_cap", "nonce", "refused", "paused", "signer")


class LeaseLost(Exception):
    """Another worker has the sender by now. Nothing was written, and nothing more may be signed."""


def held(written: bool) -> None:
    """Raise `LeaseLost` if a write to the outbox found the lease gone."""
    if not written:
        raise LeaseLost


class View(NamedTuple):
    """One look at the chain."""

    head: Head
    finalized: Head
    nonce: int
    """How many transactions of the sender are in the chain."""
    final_nonce: int
    """How many of them are in blocks that stay."""
    priority_fee: int


@dataclass
class Desk:
    """One sender's minting: what its parts work with, and what holds it up at present."""

    outbox: MintOutbox
    node: Node
    signer: Signer
    sender: Sender
    nft: Contract
    chain: Chain
    policy: FeePolicy
    recorder: Recorder
    owner: str
    """Unique among all workers."""
    batch: int
    """Most mints in one transaction, from 1 to 64."""
    now: Callable[[], datetime]
    problems: dict[str, str] = field(default_factory=dict)
    """Kind of problem (of `PROBLEMS`) to words for an operator, as of the present pass."""

    async def look(self) -> View:
        """Raises `Unavailable`."""
        node, address = self.node, self.sender.address
        head, finalized, fee = await asyncio.gather(node.head(), node.finalized(), node.priority_fee())
        nonce, final_nonce = await asyncio.gather(node.nonce(address), node.nonce(address, block=finalized.number))
        return View(head, finalized, nonce, final_nonce, fee)

    def count(self, event: str, amount: int = 1) -> None:
        """Count what happened to a transaction."""
        self.recorder.count(TRANSACTIONS.name, amount, {"sender": self.sender.address, "event": event})

    def tell_problems(self, problems: Mapping[str, str]) -> None:
        """Set the alert metric to what holds minting up."""
        for kind in PROBLEMS:
            tags = {"sender": self.sender.address, "problem": kind}
            self.recorder.gauge(MINT_PROBLEM.name, float(kind in problems), tags)
