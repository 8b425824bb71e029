"""The diffusion engine as its callers see it: `gitex.ports.ImageEngine`."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from gitex.errors import EngineFailure, InvalidInput, Unavailable
from gitex.events import ImageEvent
from gitex.metrics import CANCELLED
from gitex.ports import Clock, Recorder, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo
from models.device import leave_device
from models.diffusion.autoencoder import Autoencoder
from models.diffusion.batch_key import RowLayout
from models.diffusion.batch_step import BatchStep
from models.diffusion.checks import checked_settings, steps_skipped
from models.diffusion.denoisers.protocol import Denoiser
from models.diffusion.intake import Intake
from models.diffusion.mailbox import Mailbox
from models.diffusion.memory import RowLimit
from models.diffusion.replies import Replies
from models.diffusion.request import DiffusionRequest, Timeline, spread_previews
from models.diffusion.safety import SafetyChecker
from models.diffusion.samplers.protocol import Sampler
from models.diffusion.starts import Starts
from models.diffusion.step_loop import StepLoop
from models.diffusion.step_scheduler import StepScheduler


@dataclass(frozen=True)
class EngineSettings:
    """The engine's bounds."""

    max_batch: int
    """Requests in one forward pass."""
    max_waiting: int
    """Requests that may wait for a slot; one more is refused with `Overloaded`."""
    strict_rows: int = 4
    """Rows of every forward pass of a strict batch; a guided request has two."""
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
        autoencoder: Autoencoder,
        samplers: Mapping[str, Sampler],
        safety: SafetyChecker,
        settings: EngineSettings,
        recorder: Recorder,
        clock: Clock,
        memory: RowLimit | None = None,
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
        self._guides = denoiser.guidance == "classifier-free"
        self._layout = RowLayout(
            variant=info.variant.id,
            channels=denoiser.latent_channels,
            factor=denoiser.latent_factor,
            conditioning=denoiser.layout,
            dtype=str(denoiser.dtype),
        )
        self._replies = Replies(denoiser.device, denoiser.dtype, recorder=recorder, clock=clock, tags=self._tags)
        scheduler = StepScheduler(clock, max_batch=settings.max_batch, max_waiting=settings.max_waiting, memory=memory)
        self._intake = Intake(scheduler, clock, recorder, self._tags, settings.stall_seconds)
        # Only the thread knows the loop, and the loop the model: when the thread has ended, the device is free.
        loop = StepLoop(
            intake=self._intake,
            starts=Starts(denoiser, autoencoder),
            step=BatchStep(denoiser, samplers, settings.strict_rows),
            autoencoder=autoencoder,
            safety=safety,
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
            strict = request.settings.strict
            async with aclosing(self._replies.events(request.mailbox, ahead, spec, strict=strict)) as events:
                async for event in events:
                    yield event
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
        await asyncio.to_thread(leave_device, self._thread, self._settings.join_seconds)

    def _make_request(self, spec: ImageSpec, context: RunContext) -> DiffusionRequest:
        settings = self._checked_settings(spec)
        adapters = tuple((adapter.name, adapter.weight) for adapter in settings.adapters)
        key = self._layout.key(spec.width, spec.height, adapters, strict=settings.strict)
        plan = self._samplers[settings.sampler].plan(settings.steps, skip=steps_skipped(settings), area=key.area)
        now = self._clock.now()
        return DiffusionRequest(
            spec=spec,
            settings=settings,
            context=context,
            key=key,
            plan=plan,
            mailbox=Mailbox(asyncio.get_running_loop()),
            timeline=Timeline(submitted=now),
            deadline=None if context.deadline is None else now + context.deadline - self._unix_now(),
            preview_steps=spread_previews(context.previews, len(plan.timesteps)),
            guided=self._guides and settings.guidance_scale > 1,
        )

    def _checked_settings(self, spec: ImageSpec) -> DiffusionSettings:
        """The door has checked all this in its own words; an engine still never runs what it cannot."""
        if spec.variant != self._info.variant:
            raise InvalidInput(f"this engine runs {self._info.variant.id}, not {spec.variant.id}", param="model")
        return checked_settings(spec, self._limits)
