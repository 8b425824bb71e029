"""A node of a chain in memory that is only read: contracts answer what a test says, and unfinal blocks are replaced."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chain.abi import Entry, decode_values, encode_values
from chain.artifacts import load_artifact
from chain.node import Call, Head, Log, LogsRefused
from gitex.errors import Unavailable

Answer = Callable[..., Any]
"""Gets the number of the block that is asked about, then the call's arguments. A tuple answers several things."""


@dataclass(frozen=True)
class Emitted:
    """An event as a test writes it."""

    contract: str
    """Of the artifact."""
    address: str
    event: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ReadBlock:
    """One block with its events."""

    head: Head
    logs: tuple[Log, ...] = ()


@dataclass
class ReadNode:
    """The reading half of a `chain.node.Node`."""

    final_depth: int = 2
    """How many blocks make one final."""
    block_seconds: int = 12
    most_blocks: int | None = None
    """How many blocks' events it looks through at once; None for any number."""
    down: Exception | None = None
    """Raised by every method."""
    contracts: dict[str, tuple[str, dict[str, Answer]]] = field(default_factory=dict)
    """By address: the artifact's name, and what its functions answer."""
    leaves_out: Callable[[Log], bool] = lambda log: False
    """Events that it keeps to itself."""
    before: Callable[[str], None] = lambda method: None
    """Called at the beginning of each method, with its name."""
    asked: list[str] = field(default_factory=list)
    """The methods, and for calls the functions."""
    called_at: list[tuple[str, int | None]] = field(default_factory=list)
    """Functions, and the block that each was asked about."""

    def __post_init__(self) -> None:
        self._serial = itertools.count()
        self.blocks = [self._block(0, ())]

    def mine(self, *events: Emitted) -> ReadBlock:
        """Make a block with those events, each of a transaction of its own."""
        self.blocks.append(self._block(len(self.blocks), events))
        return self.blocks[-1]

    def mine_empty(self, count: int) -> None:
        """Make so many blocks."""
        for _ in range(count):
            self.mine()

    def reorganise(self, depth: int, *blocks: Sequence[Emitted]) -> None:
        """Replace the newest `depth` blocks by these."""
        del self.blocks[len(self.blocks) - depth :]
        for events in blocks:
            self.mine(*events)

    async def check(self) -> None:
        await self._begin("check")

    async def head(self) -> Head:
        await self._begin("head")
        return self.blocks[-1].head

    async def finalized(self) -> Head:
        await self._begin("finalized")
        return self.blocks[max(0, len(self.blocks) - 1 - self.final_depth)].head

    async def block_hash(self, number: int) -> str | None:
        await self._begin("block_hash")
        return self.blocks[number].head.hash if number < len(self.blocks) else None

    async def call(self, call: Call, *, block: int | None = None) -> bytes:
        number = len(self.blocks) - 1 if block is None else block
        name, answers = self.contracts.get(call.to, ("", {}))
        entry = next((e for e in _functions(name) if e.name in answers and e.selector == call.data[:4]), None)
        await self._begin(entry.name if entry else "call")
        if entry is not None:
            self.called_at.append((entry.name, block))
        if number >= len(self.blocks):
            raise Unavailable(f"there is no block {number}")
        if entry is None:
            return b""
        answer = answers[entry.name](number, *decode_values(entry.inputs, call.data[4:]))
        if isinstance(answer, bytes) and answer == b"":
            return b""
        return encode_values(entry.outputs, answer if isinstance(answer, tuple) else (answer,))

    async def logs(
        self, address: str, topics: Sequence[str | None], first_block: int, last_block: int
    ) -> Sequence[Log]:
        await self._begin("logs")
        if not 0 <= first_block <= last_block < len(self.blocks):
            raise Unavailable(f"there are no blocks {first_block} to {last_block}")
        if self.most_blocks is not None and last_block - first_block + 1 > self.most_blocks:
            raise LogsRefused("the node does not answer eth_getLogs: query exceeds max block range (-32005)")
        return [
            log
            for block in self.blocks[first_block : last_block + 1]
            for log in block.logs
            if log.address == address and _matches(topics, log.topics) and not self.leaves_out(log)
        ]

    async def _begin(self, method: str) -> None:
        await asyncio.sleep(0)  # others have their turn, as with every real node
        self.asked.append(method)
        self.before(method)
        if self.down is not None:
            raise self.down

    def _block(self, number: int, events: Sequence[Emitted]) -> ReadBlock:
        head = Head(number, self._word(), 1_700_000_000 + number * self.block_seconds, 7)
        logs = [_log(event, head, self._word(), index) for index, event in enumerate(events)]
        return ReadBlock(head, tuple(logs))

    def _word(self) -> str:
        """Never the same: a block that is mined again is another one."""
        return f"0x{next(self._serial) + 1:064x}"


def _functions(name: str) -> Sequence[Entry]:
    return load_artifact(name).of_kind("function") if name else ()


def _log(emitted: Emitted, head: Head, transaction: str, index: int) -> Log:
    (entry,) = load_artifact(emitted.contract).named("event", emitted.event)
    topics = [
        f"0x{encode_values([replace(parameter, indexed=False)], [emitted.values[parameter.name]]).hex()}"
        for parameter in entry.inputs
        if parameter.indexed
    ]
    plain = [parameter for parameter in entry.inputs if not parameter.indexed]
    return Log(
        address=emitted.address,
        topics=(f"0x{entry.digest.hex()}", *topics),
        data=encode_values(plain, [emitted.values[parameter.name] for parameter in plain]),
        block_number=head.number,
        block_hash=head.hash,
        transaction_hash=transaction,
        log_index=index,
    )


def _matches(wanted: Sequence[str | None], topics: Sequence[str]) -> bool:
    return len(wanted) <= len(topics) and all(
        want in (None, topic) for want, topic in zip(wanted, topics, strict=False)
    )
