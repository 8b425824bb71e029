"""The use case of pictures: cache, single flight, engine, durable asset."""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from gitex.assets import Asset
from gitex.errors import AssetNotFound, EngineFailure
from gitex.events import Finished, ImageOutput, Queued, Step
from gitex.metrics import CACHE_READS, STAGE_SECONDS
from gitex.ports import AssetStore, CacheEntry, ImageModel, PromptCache, Recorder, RunContext
from gitex.specs import ImageSpec
from serve_app.services.single_flight import SingleFlight

CacheState = Literal["hit", "miss", "joined", "bypass"]


@dataclass(frozen=True)
class Generated:
    """A stored picture, as the caller gets it."""

    asset: Asset
    content: bytes
    cache: CacheState


GenerationEvent = Queued | Step | Generated


class Generation:
    """Turns image specs into assets. One instance serves all requests of a process."""

    def __init__(self, store: AssetStore, cache: PromptCache, recorder: Recorder) -> None:
        self._store = store
        self._cache = cache
        self._recorder = recorder
        self._flights: SingleFlight[GenerationEvent] = SingleFlight()

    async def run(
        self, model: ImageModel, spec: ImageSpec, context: RunContext, *, read_cache: bool = True
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield progress and, last, one `Generated`. Closing the generator gives up this caller's interest.

        Raises what `ImageModel.generate` raises.
        """
        digest = spec.digest()
        if read_cache and (hit := await self._from_cache(digest)) is not None:
            self._count("hit")
            yield hit
            return
        key, state = digest, _state(read_cache, self._flights.is_flying(digest))
        if not read_cache:
            # Someone who wants fresh work must not be handed another caller's run.
            key = f"{digest}/{context.request_id}/{secrets.token_hex(4)}"
        self._count(state)
        async with aclosing(self._flights.join(key, lambda: self._generate(model, spec, context))) as events:
            async for event in events:
                yield replace(event, cache=state) if isinstance(event, Generated) else event

    async def close(self) -> None:
        """Cancel what still runs."""
        await self._flights.close()

    async def _from_cache(self, digest: str) -> Generated | None:
        entry = await self._cache.get(digest)
        if entry is None:
            return None
        try:
            return Generated(await self._store.get(entry.asset_id), entry.content, "hit")
        except AssetNotFound:
            # The cache outlived its asset: what is not durable is not served.
            return None

    async def _generate(
        self, model: ImageModel, spec: ImageSpec, context: RunContext
    ) -> AsyncGenerator[GenerationEvent, None]:
        """One run of the engine. The asset is durable before anybody hears of it, and cached before the key is free."""
        output: ImageOutput | None = None
        # Followers may have later deadlines than the first caller; each watches its own.
        async with aclosing(model.generate(spec, replace(context, deadline=None))) as events:
            async for event in events:
                if isinstance(event, Finished):
                    output = event.output
                else:
                    yield event
        if output is None:
            raise EngineFailure("the engine ended without a picture")
        started = time.perf_counter()
        asset = _new_asset(spec, output)
        await self._store.save(asset, output.content)
        tags = {"variant": spec.variant.id, "stage": "store"}
        self._recorder.observe(STAGE_SECONDS.name, time.perf_counter() - started, tags)
        self._cache.put(spec.digest(), CacheEntry(asset.id, output.content))
        yield Generated(asset, output.content, "miss")

    def _count(self, result: CacheState) -> None:
        self._recorder.count(CACHE_READS.name, 1, {"result": result})


def _state(read_cache: bool, flying: bool) -> CacheState:
    if not read_cache:
        return "bypass"
    return "joined" if flying else "miss"


def _new_asset(spec: ImageSpec, output: ImageOutput) -> Asset:
    return Asset(
        id=f"ast_{secrets.token_hex(12)}",
        sha256=hashlib.sha256(output.content).hexdigest(),
        media_type=output.media_type,
        size=len(output.content),
        spec=spec,
        stages=output.stages,
        created_at=datetime.now(UTC),
        execution=output.execution,
    )
