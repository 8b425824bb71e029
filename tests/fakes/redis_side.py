"""One process's way to a shared Redis, as the application puts it together."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from deployments.clocks import MonotonicClock
from storage.redis_cache import RedisPromptCache
from storage.redis_flights import CALL_SECONDS, RedisFlights
from storage.redis_link import READ_SECONDS, RedisLink
from storage.redis_news import RedisNews
from tests.fakes.stores import MemoryRecorder

INLINE_BYTES = 1000
LEASE_SECONDS = 0.6


# What a call may take where no test is about that: the machine may be busy.
PATIENCE = 2.0


class Side:
    """One process's cache and flights; `hurried` with the time budgets of the application."""

    def __init__(
        self, url: str, prefix: str = "gitex:", lease_s: float = LEASE_SECONDS, *, hurried: bool = False
    ) -> None:
        self.recorder = MemoryRecorder()
        read_s, call_s = (READ_SECONDS, CALL_SECONDS) if hurried else (PATIENCE, PATIENCE)
        self.link = RedisLink(url, self.recorder, MonotonicClock(), read_s)
        self.news = RedisNews(url, MonotonicClock(), prefix)
        self.cache = RedisPromptCache(self.link, self.recorder, 60.0, INLINE_BYTES, prefix)
        self.flights = RedisFlights(self.link, self.news, prefix, lease_s, call_s)

    async def close(self) -> None:
        await self.cache.close()
        await self.news.close()
        await self.link.close()


async def eventually(true: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait for it; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < until, "it never became true"
        await asyncio.sleep(0.01)
