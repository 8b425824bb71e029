"""Image and text models that do as the test says."""

import asyncio
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from PIL import Image

from gitex.events import (
    Finished,
    ImageEvent,
    ImageOutput,
    Queued,
    StageSeconds,
    Step,
    TextDelta,
    TextEvent,
    TextFinished,
)
from gitex.ports import RunContext
from gitex.specs import CopySpec, ImageSpec
from gitex.variants import ImageLimits, Kind, ModelInfo, TextLimits, Variant

LIMITS = ImageLimits(128, 128, 64, 256, 8, 20, 100, 2.0, "ddim", ("ddim", "euler"))


def image_info(name: str = "painter", version: int = 1, kind: Kind = "diffusion") -> ModelInfo:
    return ModelInfo(Variant(name, version, "sha256:" + "0" * 64), kind, created=1_700_000_000, image=LIMITS)


def text_info(name: str = "writer", version: int = 1) -> ModelInfo:
    return ModelInfo(
        Variant(name, version, "sha256:" + "1" * 64), "text", created=1_700_000_000, text=TextLimits(256, 64)
    )


def png(spec: ImageSpec) -> bytes:
    """A real PNG whose pixels depend on the seed."""
    file = io.BytesIO()
    Image.new("RGB", (spec.width, spec.height), (spec.seed % 256, 0, 0)).save(file, "PNG")
    return file.getvalue()


@dataclass
class FakeImageModel:
    """Yields `steps` steps and a picture; waits for `gate` before it finishes; raises `error` if there is one."""

    info: ModelInfo = field(default_factory=image_info)
    steps: int = 2
    gate: asyncio.Event | None = None
    error: Exception | None = None
    error_after_steps: bool = False
    started: list[ImageSpec] = field(default_factory=list)
    contexts: list[RunContext] = field(default_factory=list)
    cancelled: int = 0

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        self.started.append(spec)
        self.contexts.append(context)
        try:
            if self.error is not None and not self.error_after_steps:
                raise self.error
            yield Queued(ahead=0)
            for index in range(1, self.steps + 1):
                preview = png(spec) if index <= context.previews else None
                yield Step(index, self.steps, preview)
            if self.error is not None:
                raise self.error
            if self.gate is not None:
                await self.gate.wait()
            output = ImageOutput(png(spec), "image/png", spec.width, spec.height, StageSeconds(0.1, 0.2, 0.3, 0.4))
            yield Finished(output)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


@dataclass
class FakeTextModel:
    """Says `answers` in turn, a word at a time; waits for `gate` after the first word."""

    info: ModelInfo = field(default_factory=text_info)
    answers: tuple[str, ...] = ("Hello there.",)
    gate: asyncio.Event | None = None
    error: Exception | None = None
    specs: list[CopySpec] = field(default_factory=list)

    async def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]:
        self.specs.append(spec)
        if self.error is not None:
            raise self.error
        answer = self.answers[(len(self.specs) - 1) % len(self.answers)]
        words = answer.split(" ")
        for i, word in enumerate(words):
            yield TextDelta(word if i == 0 else " " + word, tokens=1)
            if i == 0 and self.gate is not None:
                await self.gate.wait()
        yield TextFinished("stop", prompt_tokens=7, completion_tokens=len(words))
