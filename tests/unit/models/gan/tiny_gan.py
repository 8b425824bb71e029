"""A tiny generator with random weights, and an engine over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gitex.events import ImageOutput
from gitex.specs import GanSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.gan.engine import Drawn, GanEngine
from models.gan.frames import Frame
from models.gan.network import Generator, GeneratorConfig

LABELS = ("red star", "blue star", "blue moon", "ring")
VARIANT = Variant("tiny-gan", 1, "sha256:" + "0" * 64)
SIDE = 16


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> float:
        self.seconds += 1.0
        return self.seconds


@dataclass
class FakeRecorder:
    counts: dict[str, float] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        self.counts[metric] = self.counts.get(metric, 0) + amount

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.values.setdefault(metric, []).append(value)

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        raise AssertionError("a GAN has no gauges")


def generator() -> Generator:
    torch.manual_seed(0)
    made = Generator(GeneratorConfig(LABELS, latent=8, style=16, widths=(16, 8)))
    made.style_mean.copy_(torch.randn_like(made.style_mean))
    return made.eval().requires_grad_(False)


def engine(made: Generator | None = None, recorder: FakeRecorder | None = None) -> GanEngine:
    limits = ImageLimits(SIDE, SIDE, SIDE, SIDE, SIDE, labels=LABELS)
    info = ModelInfo(VARIANT, "gan", created=0, image=limits)
    return GanEngine(info, made or generator(), max_batch=8, recorder=recorder or FakeRecorder(), clock=FakeClock())


async def make(made: GanEngine, wanted: ImageSpec) -> ImageOutput:
    """The output of one spec, each of its frames a batch of its own."""

    async def draw(frame: Frame) -> Drawn:
        return made.run_batch([frame])[0]

    return await made.generate(wanted, draw)


def spec(prompt: str = "a red star", seed: int = 0, side: int = SIDE, **settings: Any) -> ImageSpec:
    return ImageSpec(VARIANT, prompt, side, side, seed, replace(GanSettings(), **settings))
