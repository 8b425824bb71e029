"""The diffusion engine as its callers see it: `gitex.ports.ImageEngine`."""

import asyncio
import gc
import logging
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

import torch

from gitex.errors import EngineFailure, GitexError, InvalidInput, Unavailable
from gitex.events import Finished, ImageEvent, ImageOutput, Queued, StageSeconds, Step
from gitex.metrics import CANCELLED, IMAGES, STAGE_SECONDS
from gitex.ports import Clock, Recorder, RunContext
from gitex.specs import MAX_SEED, DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo
from models.diffusion.batch_key import RowLayout
from models.diffusion.decode import Decoder
from models.diffusion.denoiser import Denoiser
from models.diffusion.intake import Intake
from models.diffusion.mailbox import Mailbox, PictureDone, StepDone
from models.diffusion.request import DiffusionRequest, Timeline, spread_previews
from models.diffusion.samplers.protocol import Sampler
from models.diffusion.step_loop import StepLoop
from models.diffusion.step_scheduler import StepScheduler
from models.png import png_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineSettings:
    """The engine's bounds."""

    max_batch: int
    """Requests in one forward pass."""
    max_waiting: int
    """Requests that may wait for a slot; one more is refused with `Overloaded`."""
    stall_seconds: float = 300.0
    """`check` fails when work is there and no step has ended for this long."""
    join_seconds: float = 60.0
    """How long `close` waits for the step in flight."""


class DiffusionEngine:
    """Requests of any steps, guidance, seed and sampler share each denoising step; one thread owns the device."""

    def __init__(
        self,
        *,
        info: ModelInfo,
        denoiser: Denoiser,
        decoder: Decoder,
        samplers: Mapping[str, Sampler],
        settings: EngineSettings,
        recorder: Recorder,
        clock: Clock,
        unix_now: Callable[[], float] = time.time,
    ) -> None:
        if info.image is None:
            raise ValueError(f"{info.variant.id} has no image limits")
        self._info = info
        self._limits: ImageLimits = info.image
        self._samplers = samplers
        self._settings = settings
        self._recorder = recorder
        self._clock = clock
        self._unix_now = unix_now
        self._tags = {"variant": info.variant.id}
        self._layout = RowLayout(
            variant=info.variant.id,
            channels=denoiser.latent_channels,
            factor=denoiser.latent_factor,
            context_shape=denoiser.context_shape,
            dtype=str(denoiser.dtype),
        )
        scheduler = StepScheduler(clock, settings.max_batch, settings.max_waiting)
        self._intake = Intake(scheduler, clock, recorder, self._tags, settings.stall_seconds)
        # Only the thread knows the loop, and the loop the model: when the thread has ended, the device is free.
        loop = StepLoop(
            intake=self._intake,
            denoiser=denoiser,
            decoder=decoder,
            samplers=samplers,
            clock=clock,
            recorder=recorder,
            tags=self._tags,
        )
        self._thread = threading.Thread(target=loop.run, name=f"diffusion-{info.variant.id}", daemon=True)
        self._thread.start()

    @property
    def info(self) -> ModelInfo:
        """What the engine serves and accepts."""
        return self._info

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        """Run one picture; closing the generator frees its slot at once. Errors: see `gitex.ports.ImageEngine`."""
        request = self._make_request(spec, context)
        ahead = self._intake.submit(request)
        try:
            yield Queued(ahead)
            while True:
                letter = await request.mailbox.next()
                if isinstance(letter, StepDone):
                    preview = None if letter.preview is None else await asyncio.to_thread(png_bytes, letter.preview)
                    yield Step(letter.index, letter.total, preview)
                elif isinstance(letter, PictureDone):
                    yield Finished(await self._output(letter))
                    return
                elif isinstance(letter, GitexError):
                    raise letter
                else:
                    raise TypeError(f"unknown letter {letter!r}")
        finally:
            if self._intake.cancel(request):
                self._recorder.count(CANCELLED.name, 1, self._tags)

    def check(self) -> None:
        """Raise `EngineFailure` if the engine has broken, was closed, or has stalled with work at hand."""
        self._intake.check()
        if not self._thread.is_alive():
            raise EngineFailure("the engine thread is gone")

    async def close(self) -> None:
        """End everything with `Unavailable`, wait for the step in flight, and free the device."""
        self._intake.end(Unavailable("the engine is shutting down"))
        await asyncio.to_thread(self._free)

    def _free(self) -> None:
        self._thread.join(self._settings.join_seconds)
        if self._thread.is_alive():
            logger.error("the engine thread did not end in %s seconds", self._settings.join_seconds)
            return
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    async def _output(self, picture: PictureDone) -> ImageOutput:
        began = self._clock.now()
        content = await asyncio.to_thread(png_bytes, picture.pixels)
        stages = StageSeconds(
            queue=picture.queue,
            encode=picture.encode,
            denoise=picture.denoise,
            decode=picture.decode + self._clock.now() - began,
        )
        for stage in ("queue", "encode", "denoise", "decode"):
            seconds: float = vars(stages)[stage]
            self._recorder.observe(STAGE_SECONDS.name, seconds, {**self._tags, "stage": stage})
        self._recorder.count(IMAGES.name, 1, self._tags)
        height, width, _ = picture.pixels.shape
        return ImageOutput(content, "image/png", width, height, stages)

    def _make_request(self, spec: ImageSpec, context: RunContext) -> DiffusionRequest:
        settings = self._checked_settings(spec)
        plan = self._samplers[settings.sampler].plan(settings.steps)
        now = self._clock.now()
        return DiffusionRequest(
            spec=spec,
            settings=settings,
            context=context,
            key=self._layout.key(spec.width, spec.height),
            plan=plan,
            mailbox=Mailbox(asyncio.get_running_loop()),
            timeline=Timeline(submitted=now),
            deadline=None if context.deadline is None else now + context.deadline - self._unix_now(),
            preview_steps=spread_previews(context.previews, settings.steps),
        )

    def _checked_settings(self, spec: ImageSpec) -> DiffusionSettings:
        """The door has checked all this in its own words; an engine still never runs what it cannot."""
        settings, limits = spec.settings, self._limits
        if spec.variant != self._info.variant:
            raise InvalidInput(f"this engine runs {self._info.variant.id}, not {spec.variant.id}", param="model")
        if not isinstance(settings, DiffusionSettings):
            raise InvalidInput("this engine needs diffusion settings", param="settings")
        for name, side in (("width", spec.width), ("height", spec.height)):
            if not limits.min_side <= side <= limits.max_side or side % limits.side_multiple:
                raise InvalidInput(
                    f"{name} must be a multiple of {limits.side_multiple} from {limits.min_side} to {limits.max_side}",
                    param=name,
                )
        if not 1 <= settings.steps <= limits.max_steps:
            raise InvalidInput(f"steps must be from 1 to {limits.max_steps}", param="steps")
        if settings.sampler not in self._samplers:
            raise InvalidInput(f"sampler must be one of {', '.join(sorted(self._samplers))}", param="sampler")
        if not math.isfinite(settings.guidance_scale):
            raise InvalidInput("guidance_scale must be a finite number", param="guidance_scale")
        if not 0 <= spec.seed <= MAX_SEED:
            raise InvalidInput("seed must be from 0 to 2**64 - 1", param="seed")
        return settings
