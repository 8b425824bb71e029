"""The embedded prompt cache: one Ray actor, bounded by bytes, and its client."""

import asyncio
import logging

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

from deployments.clocks import MonotonicClock
from gitex.errors import Unavailable
from gitex.metrics import CACHE_FAILURES
from gitex.ports import CacheEntry, Recorder
from storage.cache import ByteBoundedLru

log = logging.getLogger("gitex.deployments")
NAMESPACE = "gitex"
# Past this a look-up costs more than it saves.
READ_BUDGET_SECONDS = 0.25


class PromptCacheActor:
    """Holds finished pictures by spec digest. What it held is gone when it restarts; nothing depends on it."""

    def __init__(self, max_bytes: int, ttl: float) -> None:
        self._entries = ByteBoundedLru(max_bytes, ttl, MonotonicClock())

    def get(self, digest: str) -> CacheEntry | None:
        """The entry, if it is still there."""
        return self._entries.get(digest)

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Keep the entry."""
        self._entries.put(digest, entry)


class ActorPromptCache:
    """A `gitex.ports.PromptCache` in front of the actor. Its failures are misses."""

    def __init__(self, max_bytes: int, ttl: float, recorder: Recorder) -> None:
        self._recorder = recorder
        self._actor: ActorHandle = (
            ray.remote(PromptCacheActor)
            .options(
                num_cpus=0,
                max_restarts=-1,
                name="prompt-cache",
                namespace=NAMESPACE,
                get_if_exists=True,
                lifetime="detached",  # else it would die with the first process that asked for it
            )
            .remote(max_bytes, ttl)
        )

    async def get(self, digest: str) -> CacheEntry | None:
        """The entry, or `None` when there is none or the actor does not answer in time."""
        try:
            return await asyncio.wait_for(self._actor.get.remote(digest), READ_BUDGET_SECONDS)
        except (RayError, TimeoutError) as problem:
            log.warning("the prompt cache did not answer: %s", type(problem).__name__)
            reason = "slow" if isinstance(problem, TimeoutError) else "gone"
            self._recorder.count(CACHE_FAILURES.name, 1, {"operation": "read", "reason": reason})
            return None

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Send the entry; Ray delivers calls of one process in order, so a later `get` sees it."""
        self._actor.put.remote(digest, entry)

    async def check(self) -> None:
        """Raise `Unavailable` if the actor does not answer."""
        try:
            await self._actor.get.remote("")
        except RayError as problem:
            raise Unavailable(f"its actor does not answer: {type(problem).__name__}") from problem
