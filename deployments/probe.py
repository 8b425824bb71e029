"""A health check that does real work, now and then."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from gitex.errors import DeadlineExceeded, Overloaded
from gitex.ports import Clock

PROBE_SECONDS = 60.0


class Probe:
    """Runs `work` at most once in `every` seconds. A busy engine is well; whatever else fails is not."""

    def __init__(self, work: Callable[[], Awaitable[None]], clock: Clock, every: float = PROBE_SECONDS) -> None:
        self._work = work
        self._clock = clock
        self._every = every
        # A replica has just been warmed by its own load when it is first asked.
        self._last = clock.now()

    async def __call__(self) -> None:
        """Raise what the work raises, but for `Overloaded` and `DeadlineExceeded`."""
        if self._clock.now() - self._last < self._every:
            return
        self._last = self._clock.now()
        try:
            await self._work()
        except (Overloaded, DeadlineExceeded):
            return


async def exhaust(events: AsyncGenerator[Any, None]) -> None:
    """Read a run to its end."""
    async with aclosing(events):
        async for _ in events:
            pass
