"""What an engine's caller hears: the letters of the engine's thread as events."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from functools import partial

import torch

from gitex.errors import GitexError
from gitex.events import Finished, ImageEvent, ImageOutput, Queued, StageSeconds, Step
from gitex.metrics import IMAGES, STAGE_SECONDS
from gitex.ports import Clock, Recorder
from gitex.specs import ImageSpec
from models.diffusion.mailbox import Mailbox, PictureDone, StepDone
from models.execution import execution_of
from models.png import png_bytes, preview_png


class Replies:
    """Turns letters into events. Encoding pictures happens here, beside the engine's thread and off the event loop."""

    def __init__(
        self, device: torch.device, dtype: torch.dtype, *, recorder: Recorder, clock: Clock, tags: Mapping[str, str]
    ) -> None:
        self._execution = partial(execution_of, device, dtype)
        self._recorder = recorder
        self._clock = clock
        self._tags = tags

    async def events(
        self, mailbox: Mailbox, ahead: int, spec: ImageSpec, *, strict: bool
    ) -> AsyncGenerator[ImageEvent, None]:
        """All events of one request, `ahead` others in front of it. Raises the error that its last letter is."""
        size = spec.width, spec.height
        yield Queued(ahead)
        while True:
            letter = await mailbox.next()
            if isinstance(letter, StepDone):
                preview = None
                if letter.preview is not None:
                    preview = await asyncio.to_thread(preview_png, letter.preview, size)
                yield Step(letter.index, letter.total, preview)
            elif isinstance(letter, PictureDone):
                yield Finished(await self._output(letter, strict=strict))
                return
            elif isinstance(letter, GitexError):
                raise letter
            else:
                raise TypeError(f"unknown letter {letter!r}")

    async def _output(self, picture: PictureDone, *, strict: bool) -> ImageOutput:
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
        return ImageOutput(content, "image/png", width, height, stages, self._execution(strict=strict))
