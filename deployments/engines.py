"""Ray Serve deployments: one thin shim an engine. Batching, queueing and limits are the engine's own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Deployment

from configs.catalog import ModelEntry
from deployments.clocks import MonotonicClock
from deployments.probe import Probe, exhaust, health_context, smallest_picture, take_one_step
from deployments.recorder import RayRecorder
from gitex.events import Finished, ImageEvent, TextEvent
from gitex.ports import Engine, RunContext
from gitex.specs import CopySpec, GanSettings, ImageSpec, Message
from gitex.variants import Kind, ModelInfo

if TYPE_CHECKING:
    from models.gan.engine import Drawn
    from models.gan.frames import Frame


class _EngineReplica:
    """What the shims share. A replica is ready when its constructor returns."""

    engine: Engine
    probe: Probe

    def describe(self) -> ModelInfo:
        """What is loaded."""
        return self.engine.info

    async def check_health(self) -> None:
        """Ray Serve replaces the replica when this raises: the engine is broken, or fails a small piece of work."""
        self.engine.check()
        await self.probe()

    async def __del__(self) -> None:
        await self.engine.close()


class DiffusionReplica(_EngineReplica):
    """Hosts one diffusion variant."""

    def __init__(self, entry: ModelEntry) -> None:
        from models.diffusion.load import load_diffusion_engine

        self.engine = self._diffusion = load_diffusion_engine(entry, RayRecorder(), MonotonicClock())
        self.probe = Probe(self._take_one_step, MonotonicClock())

    async def _take_one_step(self) -> None:
        await take_one_step(self._diffusion)

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        """See `gitex.ports.ImageModel`."""
        async with aclosing(self._diffusion.generate(spec, context)) as events:
            async for event in events:
                yield event


class TextReplica(_EngineReplica):
    """Hosts one text variant."""

    def __init__(self, entry: ModelEntry) -> None:
        from models.text.load import load_text_engine

        self.engine = self._text = load_text_engine(entry, RayRecorder(), MonotonicClock())
        self.probe = Probe(self._say_one_token, MonotonicClock())

    async def _say_one_token(self) -> None:
        spec = CopySpec(self._text.info.variant, (Message("user", "hello"),), max_tokens=1, temperature=0.0)
        await exhaust(self._text.generate(spec, health_context()))

    async def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]:
        """See `gitex.ports.TextModel`."""
        async with aclosing(self._text.generate(spec, context)) as events:
            async for event in events:
                yield event


class GanReplica(_EngineReplica):
    """Hosts one GAN variant. One pass makes a picture, so Serve forms the batches, not a step loop."""

    def __init__(self, entry: ModelEntry) -> None:
        from models.gan.load import load_gan_engine

        self.engine = self._gan = load_gan_engine(entry, RayRecorder(), MonotonicClock())
        self.probe = Probe(self._draw_one, MonotonicClock())
        self._run_batch.set_max_batch_size(entry.engine.max_batch)

    async def _draw_one(self) -> None:
        info = self._gan.info
        label = info.image.labels[0] if info.image is not None else ""
        await exhaust(self.generate(smallest_picture(info, label, GanSettings()), health_context()))

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        """See `gitex.ports.ImageModel`."""
        yield Finished(await self._gan.generate(spec, self._run_batch))

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.002)
    async def _run_batch(self, frames: list["Frame"]) -> list["Drawn"]:
        return await asyncio.to_thread(self._gan.run_batch, frames)


_deployment = serve.deployment(
    health_check_period_s=5,
    health_check_timeout_s=30,
    graceful_shutdown_wait_loop_s=0.5,
    # What a replica may take to finish its requests before it is stopped for good.
    graceful_shutdown_timeout_s=20,
    # A model that does not load will not load the twentieth time either.
    max_constructor_retry_count=2,
)
DEPLOYMENTS: dict[Kind, Deployment] = {
    "diffusion": _deployment(DiffusionReplica),
    "gan": _deployment(GanReplica),
    "text": _deployment(TextReplica),
}
