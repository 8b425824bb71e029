"""A contract's events, looked for in windows of blocks that its node will go through at once."""

from collections.abc import Sequence
from typing import NamedTuple

from chain.node import Log, LogsRefused, Node

MAX_SPAN = 10_000
"""Blocks. Public nodes take 10 to 50,000."""
_GROW_AFTER = 8
"""Windows in a row that were answered."""

Topics = Sequence[str | None]
"""As `Node.logs` takes them."""


class Window(NamedTuple):
    """Some blocks, and the events in them."""

    first: int
    last: int
    """Included."""
    logs: Sequence[Log]


class EventWindows:
    """One contract's events. Halves the windows when the node refuses one, and remembers what it takes.

    Now and then it tries a larger one again: a node that was only busy refuses in the same words. Everything raises
    `Unavailable`; `LogsRefused` if the node does not even go through one block.
    """

    def __init__(self, node: Node, address: str, *, span: int = MAX_SPAN) -> None:
        self._node = node
        self._address = address
        self._most = self._span = span
        self._answered = 0

    async def ahead(self, topics: Topics, first: int, last: int) -> Window:
        """The window that begins at `first`, and ends at `last` or before."""
        while True:
            end = min(last, first + self._span - 1)
            if (logs := await self._read(topics, first, end)) is not None:
                return Window(first, end, logs)

    async def behind(self, topics: Topics, first: int, last: int) -> Window:
        """The window that ends at `last`, and begins at `first` or behind."""
        while True:
            begin = max(first, last - self._span + 1)
            if (logs := await self._read(topics, begin, last)) is not None:
                return Window(begin, last, logs)

    async def nearest(self, topics: Topics, first: int, last: int, near: int) -> Sequence[Log]:
        """The events of a window that has any, looking around block `near` first; none if no window has."""
        left = right = min(max(near, first), last)
        while left > first or right <= last:
            if right <= last:
                window = await self.ahead(topics, right, last)
                if window.logs:
                    return window.logs
                right = window.last + 1
            if left > first:
                window = await self.behind(topics, first, left - 1)
                if window.logs:
                    return window.logs
                left = window.first
        return ()

    async def _read(self, topics: Topics, first: int, last: int) -> Sequence[Log] | None:
        """None if it was refused, and the next window is to be smaller."""
        try:
            logs = await self._node.logs(self._address, topics, first, last)
        except LogsRefused:
            if first == last:
                raise
            # Half of what was refused: another search may have halved the span meanwhile.
            self._span = max(1, min(self._span, (last - first + 1) // 2))
            self._answered = 0
            return None
        self._answered += 1
        if self._answered % _GROW_AFTER == 0:
            self._span = min(self._most, 2 * self._span)
        return logs
