"""The engine of models without a denoiser: one whole request after the other. See `gitex.ports.ImageEngine`."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Protocol

import torch

from gitex.errors import ContentRefused, EngineFailure, GitexError, InvalidInput, OutOfMemory, Unavailable
from gitex.events import ImageEvent
from gitex.metrics import CANCELLED
from gitex.ports import Clock, Recorder, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo
from models.device import leave_device
from models.diffusion.checks import checked_settings
from models.diffusion.engine import EngineSettings
from models.diffusion.mailbox import Letter, Mailbox, PictureDone, Pixels, Post, StepDone
from models.diffusion.replies import Replies
from models.diffusion.safety import SafetyChecker
from models.diffusion.whole_pipeline import OnStep
from models.diffusion.whole_queue import WholeQueue, WholeRequest

logger = logging.getLogger(__name__)


class Runner(Protocol):
    """Runs one request from start to end; `models.diffusion.whole_pipeline.WholePipeline` says more."""

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def check(self, settings: DiffusionSettings) -> None: ...

    def run(self, spec: ImageSpec, settings: DiffusionSettings, context: RunContext, on_step: OnStep) -> Pixels: ...


class _Unwanted(Exception):
    """The running request is over already: cancelled, late, or the engine is closing."""


class WholeRequestEngine:
    """One worker thread owns the device; no two requests ever share a forward pass."""

    def __init__(
        self,
        *,
        info: ModelInfo,
        runner: Runner,
        safety: SafetyChecker,
        settings: EngineSettings,
        recorder: Recorder,
        clock: Clock,
        unix_now: Callable[[], float] = time.time,
    ) -> None:
        if info.image is None:
            raise ValueError(f"{info.variant.id} has no image limits")
        self._info = info
        self._limits: ImageLimits = info.image
        self._check = runner.check
        self._join_seconds = settings.join_seconds
        self._recorder = recorder
        self._clock = clock
        self._unix_now = unix_now
        self._tags = {"variant": info.variant.id}
        self._replies = Replies(runner.device, runner.dtype, recorder=recorder, clock=clock, tags=self._tags)
        self._queue = WholeQueue(settings.max_waiting, clock, recorder, self._tags, settings.stall_seconds)
        # Only the thread knows the model: when it has ended, the device is free.
        work = partial(_work, self._queue, runner, safety, clock)
        self._thread = threading.Thread(target=work, name=f"diffusion-{info.variant.id}", daemon=True)
        self._thread.start()

    @property
    def info(self) -> ModelInfo:
        """What the engine serves and accepts."""
        return self._info

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        """Run one picture; closing the generator ends it at its next step. Errors: see `gitex.ports.ImageEngine`."""
        request = self._make_request(spec, context)
        ahead = self._queue.submit(request)
        try:
            strict = request.settings.strict
            async with aclosing(self._replies.events(request.mailbox, ahead, spec, strict=strict)) as events:
                async for event in events:
                    yield event
        finally:
            if self._queue.cancel(request):
                self._recorder.count(CANCELLED.name, 1, self._tags)

    def check(self) -> None:
        """Raise `EngineFailure` if the engine was closed, or has stalled with work at hand."""
        self._queue.check()
        if not self._thread.is_alive():
            raise EngineFailure("the engine thread is gone")

    async def close(self) -> None:
        """End everything with `Unavailable`, wait for the step in flight, and free the device."""
        self._queue.end(Unavailable("the engine is shutting down"))
        await asyncio.to_thread(leave_device, self._thread, self._join_seconds)

    def _make_request(self, spec: ImageSpec, context: RunContext) -> WholeRequest:
        if spec.variant != self._info.variant:
            raise InvalidInput(f"this engine runs {self._info.variant.id}, not {spec.variant.id}", param="model")
        settings = checked_settings(spec, self._limits)
        self._check(settings)
        now = self._clock.now()
        return WholeRequest(
            spec=spec,
            settings=settings,
            context=context,
            mailbox=Mailbox(asyncio.get_running_loop()),
            submitted=now,
            deadline=None if context.deadline is None else now + context.deadline - self._unix_now(),
        )


def _work(queue: WholeQueue, runner: Runner, safety: SafetyChecker, clock: Clock) -> None:
    """The worker thread: requests until the queue ends."""
    while (request := queue.take()) is not None:
        letter = _run(queue, runner, safety, clock, request)
        if isinstance(letter, OutOfMemory):  # the failed run's tensors are gone by now
            torch.cuda.empty_cache()
        queue.settle(request, letter)


def _run(queue: WholeQueue, runner: Runner, safety: SafetyChecker, clock: Clock, request: WholeRequest) -> Letter:
    """The last letter of a request. Its errors are its own; the next request goes on."""

    def on_step(done: int, total: int) -> None:
        if not queue.goes_on(request):
            raise _Unwanted
        request.denoised = clock.now()
        if Mailbox.deliver([Post(request.mailbox, StepDone(done, total, None))]):  # nobody is left to read
            queue.cancel(request)
            raise _Unwanted

    try:
        _refuse(safety.refuses_prompt(request.spec.prompt), "prompt", param="prompt")
        pixels = runner.run(request.spec, request.settings, request.context, on_step)
        _refuse(safety.refuses_picture(pixels), "picture")
    except _Unwanted:
        return EngineFailure("the request was over before it was done")  # read by nobody
    except GitexError as error:
        return error
    except torch.OutOfMemoryError:
        return OutOfMemory("this picture does not fit into the device's memory")
    except Exception as error:
        logger.warning("request %s failed", request.context.request_id, exc_info=error)
        return EngineFailure(f"the engine broke on this request: {error}")
    now = clock.now()
    denoised = request.denoised or now
    return PictureDone(
        pixels,
        queue=request.started - request.submitted,
        encode=0.0,
        denoise=denoised - request.started,
        decode=now - denoised,
    )


def _refuse(category: str | None, what: str, param: str | None = None) -> None:
    if category is not None:
        raise ContentRefused(f"the {what} was refused: {category}", category=category, param=param)
