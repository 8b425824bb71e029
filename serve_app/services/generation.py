"""The use case of pictures: cache, single flight (of this process, then of the cluster), engine, durable asset."""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from gitex.assets import Asset
from gitex.errors import AssetNotFound, EngineFailure
from gitex.events import Finished, ImageOutput, Queued, Step
from gitex.flights import Held, Landed
from gitex.metrics import CACHE_READS, STAGE_SECONDS
from gitex.ports import AssetStore, CacheEntry, ImageModel, PromptCache, Recorder, RunContext
from gitex.specs import ImageSpec
from serve_app.services.cluster_flight import ClusterFlights, OneProcess
from serve_app.services.new_assets import new_asset
from serve_app.services.single_flight import SingleFlight

CacheState = Literal["hit", "miss", "joined", "bypass"]


@dataclass(frozen=True)
class Generated:
    """A stored picture, as the caller gets it."""

    asset: Asset
    content: bytes
    cache: CacheState


GenerationEvent = Queued | Step | Generated
Land = Callable[[str], Awaitable[bool]]
"""Takes the asset's id; whether it is the result that others are told."""


class Generation:
    """Turns image specs into assets. One instance serves all requests of a process."""

    def __init__(
        self,
        store: AssetStore,
        cache: PromptCache,
        recorder: Recorder,
        cluster: ClusterFlights | None = None,
        *,
        publishes: bool = False,
    ) -> None:
        """`publishes`: whether every public asset goes to IPFS, or only those that somebody asks it for."""
        self._publishes = publishes
        self._store = store
        self._cache = cache
        self._recorder = recorder
        self._cluster = cluster or ClusterFlights(OneProcess(), recorder)
        self._flights: SingleFlight[GenerationEvent] = SingleFlight()

    async def run(
        self, model: ImageModel, spec: ImageSpec, context: RunContext, *, read_cache: bool = True
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield progress and, last, one `Generated`. Closing the generator gives up this caller's interest.

        Raises what `ImageModel.generate` raises.
        """
        digest = spec.digest()
        if read_cache and (hit := await self._from_cache(digest, context.tenant)) is not None:
            self._count("hit")
            yield hit
            return
        key, joins = digest, read_cache and self._flights.is_flying(digest)
        if not read_cache:
            # Someone who wants fresh work must not be handed another caller's run.
            key = f"{digest}/{context.request_id}/{secrets.token_hex(4)}"
            self._count("bypass")
        if joins:
            self._count("joined")
        start = self._fly if read_cache else self._bypass
        async with aclosing(self._flights.join(key, lambda: start(model, spec, context))) as events:
            async for event in events:
                yield replace(event, cache="joined") if joins and isinstance(event, Generated) else event

    async def close(self) -> None:
        """Cancel what still runs."""
        await self._flights.close()

    async def _from_cache(self, digest: str, viewer: str) -> Generated | None:
        entry = await self._cache.get(digest)
        return None if entry is None else await self._load(digest, entry, "hit", viewer)

    async def _load(self, digest: str, entry: CacheEntry, state: CacheState, viewer: str) -> Generated | None:
        """What the entry says, as far as the store lets this viewer see it: what is not durable is not served."""
        try:
            asset = await self._store.get(entry.asset_id, viewer)
            if asset.spec.digest() != digest:
                return None
            content = entry.content
            if content is None or hashlib.sha256(content).hexdigest() != asset.sha256:
                content = await self._store.content(asset)
        except AssetNotFound:
            return None
        return Generated(asset, content, state)

    async def _fly(
        self, model: ImageModel, spec: ImageSpec, context: RunContext
    ) -> AsyncGenerator[GenerationEvent, None]:
        """The picture that another process has just made or is making; else this process makes it."""
        digest, waited = spec.digest(), False
        claim = await self._cluster.claim(digest)
        while isinstance(claim, Held | Landed):
            gone = None
            if isinstance(claim, Landed):
                gone = claim.asset_id
                made = await self._load(digest, CacheEntry(gone, None), "joined", context.tenant)
                if made is not None:
                    self._joined_cluster()
                    yield made
                    return
            else:
                if not waited:
                    yield Queued(ahead=0)
                waited = True
                await self._cluster.wait(digest, claim.seconds)
            claim = await self._cluster.claim(digest, gone)
        async with self._cluster.leading(digest, claim) as lead:
            # The one before may have left its picture without being able to say so.
            if waited and (left := await self._from_cache(digest, context.tenant)) is not None:
                self._joined_cluster()
                yield replace(left, cache="joined")
                return
            self._count("miss")
            async with aclosing(self._generate(model, spec, context, lead.land)) as events:
                async for event in events:
                    yield event

    def _bypass(self, model: ImageModel, spec: ImageSpec, context: RunContext) -> AsyncGenerator[GenerationEvent, None]:
        async def nobody_follows(_: str) -> bool:
            return True

        return self._generate(model, spec, context, nobody_follows, "bypass")

    async def _generate(
        self, model: ImageModel, spec: ImageSpec, context: RunContext, land: Land, state: CacheState = "miss"
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
        asset = await new_asset(self._store, spec, output, context)
        # Also the rows from which it is cached and published, should this process die now.
        await self._store.save(asset, output.content, cache=True, publish=self._publishes and asset.public)
        tags = {"variant": spec.variant.id, "stage": "store"}
        self._recorder.observe(STAGE_SECONDS.name, time.perf_counter() - started, tags)
        # Others who were told of another picture must go on finding that one.
        if await land(asset.id):
            self._cache.put(spec.digest(), CacheEntry(asset.id, output.content))
        yield Generated(asset, output.content, state)

    def _joined_cluster(self) -> None:
        self._cluster.followed()
        self._count("joined")

    def _count(self, result: CacheState) -> None:
        self._recorder.count(CACHE_READS.name, 1, {"result": result})
