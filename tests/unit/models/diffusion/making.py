"""Specs, requests, a clock and model parts for the engine's tests."""

import asyncio
import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.diffusion.batch_key import RowLayout
from models.diffusion.mailbox import Mailbox
from models.diffusion.request import DiffusionRequest, Timeline
from models.diffusion.samplers.plan import SamplingPlan

VARIANT = Variant("painter", 1, "sha256:" + "0" * 64)
LIMITS = ImageLimits(32, 32, 16, 64, 8, 4, 50, 2.0, "ddim", ("ddim", "euler"))
INFO = ModelInfo(VARIANT, "diffusion", created=0, image=LIMITS)
LAYOUT = RowLayout(VARIANT.id, channels=4, factor=8, context_shape=(3, 2), dtype="torch.float32")


@dataclass
class HandClock:
    """Moves only when told."""

    seconds: float = 1000.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Case:
    """One picture, short to write."""

    prompt: str = "a red circle"
    steps: int = 4
    guidance: float = 1.0
    sampler: str = "ddim"
    seed: int = 0
    negative: str = ""
    width: int = 32
    height: int = 32
    variant: Variant = field(default=VARIANT)

    def spec(self) -> ImageSpec:
        settings = DiffusionSettings(self.steps, self.guidance, self.sampler, self.negative)
        return ImageSpec(self.variant, self.prompt, self.width, self.height, self.seed, settings)


def make_request(
    tenant: str = "t", side: int = 32, steps: int = 2, submitted: float = 1000.0, deadline: float | None = None
) -> DiffusionRequest:
    spec = Case(width=side, height=side, steps=steps).spec()
    assert isinstance(spec.settings, DiffusionSettings)
    zeros = (0.0,) * steps
    return DiffusionRequest(
        spec=spec,
        settings=spec.settings,
        context=RunContext("r", tenant),
        key=LAYOUT.key(side, side),
        plan=SamplingPlan("ddim", 1.0, zeros, zeros, ((0.0, 0.0),) * steps),
        mailbox=Mailbox(asyncio.AbstractEventLoop()),
        timeline=Timeline(submitted),
        deadline=deadline,
    )


def pixels_of(png: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(png))).astype(np.int64)
