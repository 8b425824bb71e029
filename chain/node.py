"""The port of a chain's node: the few things that we ask of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gitex.errors import Unavailable
from gitex.minting import Inclusion


class Head(NamedTuple):
    """A block, as far as we look at it."""

    number: int
    hash: str
    """0x…, as all hashes here."""
    timestamp: int
    """Unix seconds, of the chain's own clock."""
    base_fee: int
    """Wei for a unit of gas; 0 on a chain without one."""


@dataclass(frozen=True)
class Call:
    """A call to a contract, or its creation (`to` empty)."""

    to: str
    data: bytes
    sender: str = ""
    value: int = 0
    """In wei."""


class Log(NamedTuple):
    """One event of a contract."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    """Within its block."""


class LogsRefused(Unavailable):
    """The node answers, but not with so many blocks' events at once: fewer may do. Public nodes have such limits."""


class Node(Protocol):
    """A node of one chain.

    Everything raises `Unavailable` when it does not answer in time, or answers what is no answer (HTML, broken JSON,
    other ids), and `WrongChain` from the first call on if it is on another chain than it should be.
    """

    async def check(self) -> None:
        """Return if it answers and is on the right chain."""

    async def head(self) -> Head:
        """The newest block."""

    async def finalized(self) -> Head:
        """The newest block that stays, by the chain's own rule of finality; the first block if there is none yet."""

    async def block_hash(self, number: int) -> str | None:
        """Of the block with that number on the present chain; None if there is none."""

    async def nonce(self, address: str, *, block: int | None = None) -> int:
        """How many transactions of that address are in the chain, up to the newest block or to that one."""

    async def balance(self, address: str) -> int:
        """In wei, at the newest block."""

    async def priority_fee(self) -> int:
        """What the node recommends to pay a block's builder, in wei for a unit of gas."""

    async def estimate(self, call: Call) -> int:
        """The gas that it takes now. Raise `Reverted` if the contract refuses it."""

    async def call(self, call: Call, *, block: int | None = None) -> bytes:
        """What it answers, at the newest block or at that one. Raise `Reverted`."""

    async def send(self, raw: bytes) -> None:
        """Hand a signed transaction over; that the node knows it already is no error. Raise `TransactionRefused`."""

    async def knows(self, transaction_hash: str) -> bool:
        """Whether it has the transaction, waiting or in a block."""

    async def inclusion(self, transaction_hash: str) -> Inclusion | None:
        """Where the transaction is in the present chain; None while it is in no block."""

    async def logs(
        self, address: str, topics: Sequence[str | None], first_block: int, last_block: int
    ) -> Sequence[Log]:
        """The contract's events in those blocks, both included, in the chain's order. None matches any topic.

        Raise `LogsRefused` for any error that the node answers with: they say it in many ways.
        """
