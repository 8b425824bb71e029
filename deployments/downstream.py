"""What happens after an answer: Serve deployments of one actor each that take their work from durable rows.

Serve restarts an actor that dies or whose loop has ended, on another node if need be, and replaces it at a redeploy. It
may be killed at any instant: what it had claimed is free again when the lease is over, and all of it may be done twice.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from ray import serve
from ray.serve import Deployment

from configs.settings import Settings
from deployments.prompt_cache import prompt_cache
from deployments.recorder import RayRecorder
from gitex.errors import AssetNotFound, EngineFailure, Unavailable
from gitex.ports import AssetStore, CacheEntry, PromptCache
from storage.cache_writes import CacheWrite, SqlCacheWrites
from storage.publisher import PinPolicy, Publisher
from storage.state import open_state

log = logging.getLogger("gitex.downstream")

PUBLISHERS = 4
"""Publications under way at once: they mostly wait for targets."""
IDLE_SECONDS = 0.5
"""Between two looks for rows, when nobody calls `wake`."""
BROKEN_SECONDS = 5.0
"""Between two tries while the database does not answer."""
CLOSING_SECONDS = 2.0
CACHE_BATCH, CACHE_LEASE = 32, timedelta(seconds=30)


class Looking:
    """Does a piece of work again and again. While there is none, one worker looks now and then; the others sleep."""

    def __init__(
        self,
        work: Callable[[], Awaitable[bool]],
        workers: int,
        idle: float = IDLE_SECONDS,
        *,
        patience: float = CLOSING_SECONDS,
    ) -> None:
        """`idle`: seconds between two looks. `patience`: how long `close` waits for what is under way."""
        self._work = work
        self._idle = idle
        self._woken = asyncio.Event()
        self._patience = patience
        self._closing = False
        self._tasks = [asyncio.create_task(self._run(looks=number == 0)) for number in range(workers)]

    def wake(self) -> None:
        """There is work."""
        self._woken.set()

    def check(self) -> None:
        """Raise `EngineFailure` if a worker has ended: nothing but a defect ends one."""
        for task in self._tasks:
            if task.done():
                raise EngineFailure(f"a worker ended: {task.exception()!r}")

    async def close(self) -> None:
        """Let what is under way come to its end, for a moment; then end it."""
        self._closing = True
        self._woken.set()
        _, pending = await asyncio.wait(self._tasks, timeout=self._patience)
        while pending:
            # Again and again: Python 3.11's `wait_for` swallows a cancellation that comes together with a result.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=self._patience)

    async def _run(self, *, looks: bool) -> None:
        while not self._closing:
            self._woken.clear()
            pause = self._idle if looks else None
            try:
                if await self._work():
                    self._woken.set()  # where there is one there may be more
                    continue
            except Unavailable as problem:
                log.warning("downstream work waits: %s", problem.message)
                pause = BROKEN_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()


class Pinning:
    """Brings publications about: see `storage.publisher`."""

    # Ray Serve awaits it; mypy does not know of such constructors.
    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        self._state = await open_state(settings, RayRecorder())
        state, policy = self._state, PinPolicy(settings.pin_quorum, timedelta(seconds=settings.pin_recheck_s))

        publisher = Publisher(
            state.publications,
            state.assets,
            state.blobs,
            state.targets,
            policy=policy,
            recorder=RayRecorder(),
            owner=secrets.token_hex(8),
        )
        self._looking = Looking(publisher.work_once, PUBLISHERS)

    def wake(self) -> None:
        """There is work."""
        self._looking.wake()

    async def degraded(self) -> str:
        """Which targets do not answer, and why; empty if all do."""
        problems = []
        for target in self._state.targets:
            try:
                await asyncio.wait_for(target.check(), 2.0)
            except (Unavailable, TimeoutError) as problem:
                problems.append(f"{target.name}: {problem or 'no answer'}")
        return "; ".join(problems)

    def check_health(self) -> None:
        """For Ray Serve."""
        self._looking.check()

    async def __del__(self) -> None:
        await self._looking.close()
        await self._state.close()


class CacheWriting:
    """Tells the prompt cache of new pictures, also of those whose own process died before it could."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        recorder = RayRecorder()
        self._state = await open_state(settings, recorder)
        self._shared = prompt_cache(settings, recorder)
        self._writes = SqlCacheWrites(self._state.database)
        self._looking = Looking(self._write_some, 1)

    def wake(self) -> None:
        """There is work."""
        self._looking.wake()

    def check_health(self) -> None:
        """For Ray Serve."""
        self._looking.check()

    async def __del__(self) -> None:
        await self._looking.close()
        await self._shared.close()
        await self._state.close()

    async def _write_some(self) -> bool:
        rows = await self._writes.claim(CACHE_BATCH, CACHE_LEASE)
        for row in rows:
            await write_entry(row, self._state.assets, self._shared.cache)
        await self._writes.done([row.id for row in rows])
        return bool(rows)


async def write_entry(row: CacheWrite, assets: AssetStore, cache: PromptCache) -> None:
    """Put one picture into the cache unless it is there, or is gone by now."""
    if await cache.get(row.digest) is not None:
        return
    try:
        asset = await assets.get(row.asset_id)
        content = await assets.content(asset)
    except AssetNotFound:
        return
    cache.put(row.digest, CacheEntry(asset.id, content))


one_actor = serve.deployment(
    num_replicas=1, health_check_period_s=2, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0}
)
"""Makes a deployment of a class of which one replica is enough."""
PINNING: Deployment = one_actor(Pinning).options(name="pinning")
CACHE_WRITING: Deployment = one_actor(CacheWriting).options(name="cache-writing")
