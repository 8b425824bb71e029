"""Engine parts on a device whose allocator fails when it is told to, and that decodes as slowly as it is told to."""

import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Generator, Tensor

from gitex.errors import GitexError
from gitex.events import ImageEvent
from gitex.metrics import ACTIVE
from models.diffusion.conditioning import Conditioning
from models.diffusion.decoding import Decoded, Decoding
from models.diffusion.engine import DiffusionEngine, EngineSettings
from models.diffusion.mailbox import Pixels
from models.diffusion.samplers.build import build_samplers
from models.diffusion.samplers.plan import SamplingPlan
from models.diffusion.samplers.protocol import Sampler, Stepped
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.gated_model import PATIENCE, GatedDenoiser, PlainAutoencoder
from tests.unit.models.diffusion.making import INFO, LIMITS, Case, HandClock

SAMPLERS = build_samplers({"beta_start": 0.001, "beta_end": 0.02})
BIG = 64
"""Side of the picture that does not fit where a test says so; the others have 32."""
FILLER = 16
"""Side of the picture that keeps the engine busy until all others are there; its allocations do not count."""


_SIDES = {"big": BIG, "filler": FILLER}
"""By prompt, for the stages that see only that."""


@dataclass
class Allocator:
    """Fails at the chosen allocations of a stage, counted from 1; a BIG picture's stage fails always if it is named."""

    failing: dict[str, set[int]] = field(default_factory=dict)
    too_big: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    failures: int = 0

    def take(self, stage: str, side: int) -> None:
        self.taken[stage] += side != FILLER
        chosen = side != FILLER and self.taken[stage] in self.failing.get(stage, set())
        if chosen or (side == BIG and stage == self.too_big):
            self.failures += 1
            raise torch.OutOfMemoryError("no room")


@dataclass
class TightDenoiser(GatedDenoiser):
    allocator: Allocator = field(default_factory=Allocator)

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        self.allocator.take("prompt", _SIDES.get(prompt, 32))
        return super().encode(prompt, negative=negative)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        predicted = super().predict(latents, timesteps, conditioning)
        self.allocator.take("step", 8 * latents.shape[-1])
        return predicted


@dataclass
class TightSampler:
    """Fails after the noise of its step has been drawn."""

    inner: Sampler
    allocator: Allocator

    def __post_init__(self) -> None:
        self.name, self.max_steps = self.inner.name, self.inner.max_steps
        self.remembers, self.draws_noise = self.inner.remembers, self.inner.draws_noise

    def plan(self, steps: int, *, skip: int = 0, area: int = 0) -> SamplingPlan:
        return self.inner.plan(steps, skip=skip, area=area)

    def step(
        self,
        coefficients: Tensor,
        latents: Tensor,
        output: Tensor,
        *,
        previous: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Stepped:
        self.allocator.take("solve", 8 * latents.shape[-1])
        return self.inner.step(coefficients, latents, output, previous=previous, noise=noise)


@dataclass
class TightAutoencoder(PlainAutoencoder):
    """Its pictures tell their latents apart."""

    allocator: Allocator = field(default_factory=Allocator)

    def encode(self, picture: Pixels, generator: Generator) -> Tensor:
        self.allocator.take("picture", len(picture))
        return super().encode(picture, generator)

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        self.allocator.take("decode", 8 * latents[0].shape[-1])
        return Decoded([_picture_of(one) for one in latents])

    def preview(self, latents: Tensor) -> Pixels:
        self.allocator.take("preview", 8 * latents.shape[-1])
        return _picture_of(latents)[::8, ::8]


@dataclass
class TightChecker:
    allocator: Allocator

    def refuses_prompt(self, prompt: str) -> str | None:
        self.allocator.take("prompt safety", _SIDES.get(prompt, 32))
        return "ugly" if prompt == "ugly" else None

    def refuses_picture(self, picture: Pixels) -> str | None:
        self.allocator.take("picture safety", len(picture))
        return None


class IdleRecorder(MemoryRecorder):
    """Knows when the engine thread has gone back to waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = threading.Event()

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        super().gauge(metric, value, tags)
        if metric == ACTIVE.name and value == 0:
            self.idle.set()


@dataclass
class LateAutoencoder(PlainAutoencoder):
    """Decodes until the test says that it is done."""

    begun: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        self.begun.set()
        return _Late(super().decode(latents).pictures(), self.done)


@dataclass
class _Late:
    made: list[Pixels]
    done: threading.Event

    def ready(self) -> bool:
        return self.done.is_set()

    def pictures(self) -> list[Pixels]:
        assert self.done.wait(PATIENCE)
        return self.made


def _picture_of(latents: Tensor) -> Pixels:
    small = (latents[:3].permute(1, 2, 0).clamp(-4, 4) * 31 + 127).to(torch.uint8).numpy()
    return np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)


@asynccontextmanager
async def engine_of(
    denoiser: GatedDenoiser,
    autoencoder: PlainAutoencoder,
    *,
    allocator: Allocator | None = None,
    recorder: MemoryRecorder | None = None,
) -> AsyncIterator[DiffusionEngine]:
    allocator = allocator or Allocator()
    engine = DiffusionEngine(
        info=replace(INFO, image=replace(LIMITS, samplers=tuple(SAMPLERS))),
        denoiser=denoiser,
        autoencoder=autoencoder,
        samplers={name: TightSampler(sampler, allocator) for name, sampler in SAMPLERS.items()},
        safety=TightChecker(allocator),
        settings=EngineSettings(max_batch=4, max_waiting=8),
        recorder=recorder or MemoryRecorder(),
        clock=HandClock(),
    )
    try:
        yield engine
    finally:
        denoiser.let(1000)
        await engine.close()


async def events_of(engine: DiffusionEngine, case: Case, previews: int = 0) -> list[ImageEvent]:
    context = case.context(request_id=case.prompt, previews=previews)
    return [event async for event in engine.generate(case.spec(), context)]


async def error_of(engine: DiffusionEngine, case: Case) -> GitexError:
    """The error without its traceback, whose frames hold the request."""
    try:
        await events_of(engine, case, previews=1)
    except GitexError as error:
        return error.with_traceback(None)
    raise AssertionError("no error")
