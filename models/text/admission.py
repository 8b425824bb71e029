"""Who may compute and who waits: a bounded first-in, first-out queue in front of a fixed number of slots."""

import asyncio
from collections import deque

from gitex.errors import GitexError, Overloaded


class Admission:
    """Slots and the queue for them. All calls come from one event loop."""

    def __init__(self, slots: int, max_waiting: int) -> None:
        self._slots = slots
        self._max_waiting = max_waiting
        self._queue: deque[asyncio.Future[None]] = deque()
        self.active = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def enter(self, retry_after: float) -> "asyncio.Future[None]":
        """Take a place; the future is done once it is a slot. Raises `Overloaded` when the queue is full."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.active < self._slots:
            self.active += 1
            place.set_result(None)
        elif len(self._queue) < self._max_waiting:
            self._queue.append(place)
        else:
            raise Overloaded(f"{len(self._queue)} requests wait already", retry_after=retry_after)
        return place

    def leave(self, place: "asyncio.Future[None]") -> None:
        """Give a place back, be it a slot or a place in the queue."""
        has_slot = place.done() and not place.cancelled() and place.exception() is None
        if not has_slot:
            if place in self._queue:
                self._queue.remove(place)
            place.cancel()
            return
        while self._queue:
            following = self._queue.popleft()
            # One who has just gone away but has not left yet gets nothing.
            if not following.done():
                following.set_result(None)
                return
        self.active -= 1

    def refuse_waiting(self, error: GitexError) -> None:
        """Fail everybody in the queue."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_exception(error)
