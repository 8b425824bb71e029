"""A health check that does real work, now and then."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from gitex.errors import ContentRefused, DeadlineExceeded, EngineFailure, InvalidInput, Overloaded
from gitex.ports import Clock, ImageModel, RunContext
from gitex.specs import DiffusionSettings, GanSettings, ImageSpec
from gitex.variants import ModelInfo

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
        """Raise what the work raises, but for what a healthy engine raises too."""
        if self._clock.now() - self._last < self._every:
            return
        self._last = self._clock.now()
        try:
            await self._work()
        except (Overloaded, DeadlineExceeded, ContentRefused):  # busy, or its picture was made and refused
            return


async def take_one_step(model: ImageModel) -> None:
    """Run one step of a diffusion model's smallest picture. Raises what the model raises."""
    limits = model.info.image
    if limits is None:
        raise EngineFailure(f"{model.info.variant.id} has no image limits")
    settings = DiffusionSettings(1, limits.default_guidance, limits.default_sampler)
    try:
        await exhaust(model.generate(smallest_picture(model.info, "", settings), health_context()))
    except InvalidInput as refusal:
        if refusal.param != "image":  # a model that begins from a picture says so: it is well
            raise


def smallest_picture(info: ModelInfo, prompt: str, settings: DiffusionSettings | GanSettings) -> ImageSpec:
    """The least that an image model can be asked for."""
    side = info.image.min_side if info.image is not None else 0
    return ImageSpec(info.variant, prompt, side, side, 0, settings)


def health_context() -> RunContext:
    """Work that nobody waits for longer than Ray Serve waits for a health check."""
    return RunContext(request_id="health", tenant="health", deadline=time.time() + 20)


async def exhaust(events: AsyncGenerator[Any, None]) -> None:
    """Read a run to its end."""
    async with aclosing(events):
        async for _ in events:
            pass
