"""The GAN engine: frames in, pictures out, one forward pass a batch."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gitex import metrics
from gitex.errors import EngineFailure, InvalidInput, OutOfMemory, Unavailable
from gitex.events import ImageOutput, StageSeconds
from gitex.ports import Clock, Recorder
from gitex.specs import ImageSpec
from gitex.variants import ModelInfo
from models.execution import execution_of
from models.gan.frames import Frame, frames_of, latent_of
from models.gan.network import Generator
from models.png import png_bytes
from models.webp import webp_bytes

FRAME_MILLISECONDS = 60


class Drawn(NamedTuple):
    """A frame's pixels (side, side, 3), and how long the batch took that it was drawn in."""

    pixels: NDArray[np.uint8]
    seconds: float


class GanEngine:
    """Runs image specs of one class-conditional generator.

    The unit of work is the frame, so that an interpolation shares batches with other requests instead of keeping them
    waiting. Whoever hosts the engine forms the batches: `generate` hands it one frame after the other.
    """

    def __init__(
        self, info: ModelInfo, generator: Generator, *, max_batch: int, recorder: Recorder, clock: Clock
    ) -> None:
        self.info = info
        self._generator = generator
        self._device = generator.constant.device
        self._dtype = generator.constant.dtype
        self._max_batch = max_batch
        self._execution = execution_of(self._device, self._dtype, strict=False)
        self._recorder = recorder
        self._clock = clock
        self._tags = {"variant": info.variant.id}
        self._closed = False
        self._broken: str | None = None

    async def generate(self, spec: ImageSpec, draw: Callable[[Frame], Awaitable[Drawn]]) -> ImageOutput:
        """A picture, or the animated WebP of an interpolation.

        `draw` takes a frame into one of the batches that go to `run_batch`; at most `max_batch` of a request's frames
        wait there at a time. Raises `InvalidInput`, naming the field, and what `run_batch` raises.
        """
        frames = self._frames(spec)
        drawn: list[Drawn] = []
        began, seconds = self._clock.now(), 0.0
        for i in range(0, len(frames), self._max_batch):
            together = await asyncio.gather(*(draw(frame) for frame in frames[i : i + self._max_batch]))
            drawn += together
            seconds += max(frame.seconds for frame in together)
        waited = max(0.0, self._clock.now() - began - seconds)
        stages = StageSeconds(queue=waited, denoise=seconds)
        return await asyncio.to_thread(self._encode, [frame.pixels for frame in drawn], stages)

    def run_batch(self, frames: list[Frame]) -> list[Drawn]:
        """One picture for each frame, in order; it does not depend on its neighbours beyond rounding.

        Synchronous: to be called in a worker thread. Raises `OutOfMemory`, `EngineFailure`, and `Unavailable` after
        `close`.
        """
        if self._closed:
            raise Unavailable("the GAN engine is shutting down")
        began = self._clock.now()
        pixels = self._pixels(frames)
        seconds = self._clock.now() - began
        self._recorder.observe(metrics.BATCH_SIZE.name, len(frames), self._tags)
        return [Drawn(picture.numpy(), seconds) for picture in pixels]

    def check(self) -> None:
        """Raise `EngineFailure` if the last pass broke the device."""
        if self._broken is not None:
            raise EngineFailure(self._broken)

    async def close(self) -> None:
        """Refuse further work. A pass that runs now ends by itself within milliseconds."""
        self._closed = True

    def _frames(self, spec: ImageSpec) -> list[Frame]:
        if spec.variant != self.info.variant:
            raise InvalidInput(f"this engine runs {self.info.variant.id}, not {spec.variant.id}", param="model")
        return frames_of(spec, self._generator.config)

    def _encode(self, pictures: list[NDArray[np.uint8]], stages: StageSeconds) -> ImageOutput:
        began = self._clock.now()
        moves = len(pictures) > 1
        content = webp_bytes(pictures, FRAME_MILLISECONDS) if moves else png_bytes(pictures[0])
        stages = replace(stages, decode=self._clock.now() - began)
        self._recorder.count(metrics.IMAGES.name, 1, self._tags)
        for stage, seconds in (("queue", stages.queue), ("denoise", stages.denoise), ("decode", stages.decode)):
            self._recorder.observe(metrics.STAGE_SECONDS.name, seconds, {**self._tags, "stage": stage})
        side = self._generator.config.side
        return ImageOutput(content, "image/webp" if moves else "image/png", side, side, stages, self._execution)

    def _pixels(self, frames: list[Frame]) -> Tensor:
        """Bytes (n, side, side, 3) on the CPU."""
        try:
            pictures = self._forward(frames)
        except torch.OutOfMemoryError as problem:
            raise OutOfMemory(f"{len(frames)} pictures do not fit into the device's memory") from problem
        except RuntimeError as problem:
            self._broken = f"the GAN engine broke: {problem}"
            raise EngineFailure(self._broken) from problem
        if not pictures.isfinite().all():
            raise EngineFailure("the model made a picture of values that are not numbers")
        return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    @torch.inference_mode()
    def _forward(self, frames: list[Frame]) -> Tensor:
        generator = self._generator
        latents = torch.cat([latent_of(frame, generator.config.latent) for frame in frames])
        style = generator.mixed_style(
            latents.to(self._device, self._dtype),
            torch.tensor([frame.label for frame in frames], device=self._device),
            torch.tensor([frame.other for frame in frames], device=self._device),
            torch.tensor([frame.weight for frame in frames], device=self._device, dtype=self._dtype),
            torch.tensor([frame.truncation for frame in frames], device=self._device, dtype=self._dtype),
        )
        return generator.synthesise(style).float().cpu()
