"""Identical work in flight is done once: callers with an equal key share one run and all of its events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gitex.errors import Unavailable

E = TypeVar("E")


@dataclass(frozen=True)
class _Failed:
    error: Exception


class _Ended:
    """The run yielded all it had."""


@dataclass
class _Flight(Generic[E]):
    followers: set["asyncio.Queue[E | _Failed | _Ended]"] = field(default_factory=set)
    latest: list[E] = field(default_factory=list)
    """The last event, which someone who joins late is told at once."""
    task: asyncio.Task[None] | None = None

    def tell(self, item: "E | _Failed | _Ended") -> None:
        for queue in self.followers:
            queue.put_nowait(item)


class SingleFlight(Generic[E]):
    """Runs one generator a key. The run is cancelled when its last follower has left."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[E]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def is_flying(self, key: str) -> bool:
        """Whether `join` would share a run instead of starting one."""
        return key in self._flights

    async def join(self, key: str, start: Callable[[], AsyncGenerator[E, None]]) -> AsyncGenerator[E, None]:
        """Yield the events of the run under `key`, beginning it with `start` if there is none.

        An exception of the run is raised to every follower. Queues hold at most one run's events, so a slow
        follower costs no more than the run itself.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.task = asyncio.create_task(self._drive(key, flight, start()))
        queue: asyncio.Queue[E | _Failed | _Ended] = asyncio.Queue()
        for event in flight.latest:
            queue.put_nowait(event)
        flight.followers.add(queue)
        try:
            while not isinstance(item := await queue.get(), _Ended):
                if isinstance(item, _Failed):
                    raise item.error
                yield item
        finally:
            flight.followers.discard(queue)
            if not flight.followers:
                await self._abandon(key, flight)

    async def close(self) -> None:
        """Cancel every run; followers get `Unavailable`."""
        for key, flight in list(self._flights.items()):
            await self._abandon(key, flight)

    async def _drive(self, key: str, flight: _Flight[E], events: AsyncGenerator[E, None]) -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    flight.latest[:] = [event]
                    flight.tell(event)
        except asyncio.CancelledError:
            flight.tell(_Failed(Unavailable("the service is shutting down")))
            raise
        except Exception as error:  # whatever it is, it belongs to the followers
            flight.tell(_Failed(error))
        else:
            flight.tell(_Ended())
        finally:
            self._forget(key, flight)

    async def _abandon(self, key: str, flight: _Flight[E]) -> None:
        # Nobody may join a run that is being cancelled: it leaves the table first.
        self._forget(key, flight)
        task = flight.task
        if task is None or task.done() or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.wait([task])

    def _forget(self, key: str, flight: _Flight[E]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
