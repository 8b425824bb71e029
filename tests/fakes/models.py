"""Image and text models that do as the test says."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Literal

from PIL import Image

from gitex.errors import InvalidInput
from gitex.events import (
    Execution,
    Finished,
    ImageEvent,
    ImageOutput,
    Queued,
    StageSeconds,
    Step,
    TextDelta,
    TextEvent,
    TextFinished,
    TokenLogprob,
)
from gitex.ports import RunContext
from gitex.specs import CopySpec, DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, Kind, ModelInfo, TextLimits, Variant

ADAPTERS = (("glow", "sha256:" + "2" * 64), ("ink", "sha256:" + "3" * 64))
LIMITS = ImageLimits(128, 128, 64, 256, 8, 20, 100, 2.0, "ddim", ("ddim", "euler"))
EXECUTION = Execution(strict=False, device="cpu: fake", dtype="float32", versions=("torch 2.13.0", "diffusers 0.42.1"))


def image_info(name: str = "painter", version: int = 1, kind: Kind = "diffusion") -> ModelInfo:
    limits = replace(LIMITS, takes_images=True, adapters=ADAPTERS) if kind == "diffusion" else LIMITS
    return ModelInfo(Variant(name, version, "sha256:" + "0" * 64), kind, created=1_700_000_000, image=limits)


def text_info(name: str = "writer", version: int = 1) -> ModelInfo:
    return ModelInfo(
        Variant(name, version, "sha256:" + "1" * 64), "text", created=1_700_000_000, text=TextLimits(256, 64)
    )


def png(spec: ImageSpec, shift: int = 0) -> bytes:
    """A real PNG whose pixels depend on the seed, `shift` levels off."""
    file = io.BytesIO()
    Image.new("RGB", (spec.width, spec.height), (spec.seed % 256, shift, shift)).save(file, "PNG")
    return file.getvalue()


def _check_pictures(spec: ImageSpec, context: RunContext) -> None:
    """As a real engine does: what the spec names is there, and has the spec's size."""
    settings = spec.settings
    if not isinstance(settings, DiffusionSettings):
        return
    source, style = settings.source, settings.style
    named = ([source.sha256, source.mask] if source else []) + ([style.sha256] if style else [])
    for sha256 in filter(None, named):
        content = context.pictures[sha256]
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InvalidInput("another picture", param="image")
        if Image.open(io.BytesIO(content)).size != (spec.width, spec.height):
            raise InvalidInput("a picture of another size", param="image")


@dataclass
class FakeImageModel:
    """Yields `steps` steps and a picture; waits for `gate` before it finishes; raises `error` if there is one.

    The picture is `shift` levels off what the spec gives, and says that it was made by `execution`.
    """

    info: ModelInfo = field(default_factory=image_info)
    steps: int = 2
    gate: asyncio.Event | None = None
    error: Exception | None = None
    error_after_steps: bool = False
    started: list[ImageSpec] = field(default_factory=list)
    contexts: list[RunContext] = field(default_factory=list)
    cancelled: int = 0
    shift: int = 0
    execution: Execution | None = EXECUTION

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        self.started.append(spec)
        self.contexts.append(context)
        try:
            if self.error is not None and not self.error_after_steps:
                raise self.error
            _check_pictures(spec, context)
            yield Queued(ahead=0)
            for index in range(1, self.steps + 1):
                preview = png(spec) if index <= context.previews else None
                yield Step(index, self.steps, preview)
            if self.error is not None:
                raise self.error
            if self.gate is not None:
                await self.gate.wait()
            content, stages = png(spec, self.shift), StageSeconds(0.1, 0.2, 0.3, 0.4)
            yield Finished(ImageOutput(content, "image/png", spec.width, spec.height, stages, self._execution(spec)))
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    def _execution(self, spec: ImageSpec) -> Execution | None:
        strict = isinstance(spec.settings, DiffusionSettings) and spec.settings.strict
        return None if self.execution is None else replace(self.execution, strict=strict)


@dataclass
class FakeTextModel:
    """Says `answers` in turn, a word at a time; waits for `gate` after the first word.

    Raises `error` if there is one, for the spec number `error_at` only if that is given.
    """

    info: ModelInfo = field(default_factory=text_info)
    answers: tuple[str, ...] = ("Hello there.",)
    reason: Literal["stop", "length"] = "stop"
    gate: asyncio.Event | None = None
    error: Exception | None = None
    error_at: int | None = None
    specs: list[CopySpec] = field(default_factory=list)
    closed: int = 0

    async def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]:
        number = len(self.specs)
        self.specs.append(spec)
        if self.error is not None and self.error_at in (None, number):
            raise self.error
        words = self.answers[number % len(self.answers)].split(" ")
        try:
            for i, word in enumerate(words):
                likely = TokenLogprob(word, word.encode(), -0.5)
                noted = () if spec.top_logprobs is None else (replace(likely, top=(likely,) * spec.top_logprobs),)
                yield TextDelta(word if i == 0 else " " + word, tokens=1, logprobs=noted)
                if i == 0 and self.gate is not None:
                    await self.gate.wait()
            yield TextFinished(self.reason, prompt_tokens=7, completion_tokens=len(words))
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise
