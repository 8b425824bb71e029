"""What all processes know of finished and running work: in Redis if its address is set, else in Ray actors."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from configs.settings import Settings
from deployments.cache import ActorPromptCache
from deployments.clocks import MonotonicClock
from deployments.flights import ActorFlights
from gitex.ports import Flights, PromptCache, Recorder
from storage.redis_cache import RedisPromptCache
from storage.redis_flights import RedisFlights
from storage.redis_link import RedisLink
from storage.redis_news import RedisNews


class Shared(NamedTuple):
    """One process's view of it."""

    cache: PromptCache
    flights: Flights
    checks: dict[str, Callable[[], Awaitable[None]]]
    """Requests go on without it."""
    close: Callable[[], Awaitable[None]]


def prompt_cache(settings: Settings, recorder: Recorder) -> Shared:
    """In Redis if its address is set, else in Ray actors. Needs neither to be there. Call it in an event loop."""
    if settings.redis_url is None:
        actor = ActorPromptCache(settings.cache_bytes, settings.cache_ttl_s, recorder)
        flights = ActorFlights()
        return Shared(actor, flights, {"prompt cache": actor.check, "single flight": flights.check}, _nothing)
    url, clock = settings.redis_url.get_secret_value(), MonotonicClock()
    link, news = RedisLink(url, recorder, clock), RedisNews(url, clock)
    cache = RedisPromptCache(link, recorder, settings.cache_ttl_s, settings.cache_inline_bytes)

    async def close() -> None:
        await cache.close()
        await news.close()
        await link.close()

    return Shared(cache, RedisFlights(link, news), {"prompt cache": link.check}, close)


async def _nothing() -> None: ...
