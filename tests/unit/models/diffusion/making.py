"""Specs, requests, a clock and model parts for the engine's tests."""

import asyncio
import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gitex.ports import RunContext
from gitex.specs import Adapter, DiffusionSettings, ImageSpec, SourceImage, StyleImage
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.diffusion.batch_key import RowLayout
from models.diffusion.mailbox import Mailbox
from models.diffusion.request import DiffusionRequest, Timeline
from models.diffusion.samplers.plan import Mix, SamplingPlan

VARIANT = Variant("painter", 1, "sha256:" + "0" * 64)
LIMITS = ImageLimits(32, 32, 16, 64, 8, 4, 50, 2.0, "ddim", ("ddim", "euler"), takes_images=True)
INFO = ModelInfo(VARIANT, "diffusion", created=0, image=LIMITS)
LAYOUT = RowLayout(VARIANT.id, channels=4, factor=8, conditioning=(("context", (3, 2)),), dtype="torch.float32")


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
    image: bytes | None = None
    """A PNG to begin from, by `strength`; with a `mask` only its white part changes."""
    strength: float = 0.6
    mask: bytes | None = None
    style: bytes | None = None
    style_weight: float = 1.0
    adapters: tuple[Adapter, ...] = ()
    strict: bool = False

    def spec(self) -> ImageSpec:
        settings = DiffusionSettings(
            steps=self.steps,
            guidance_scale=self.guidance,
            sampler=self.sampler,
            negative_prompt=self.negative,
            source=None
            if self.image is None
            else SourceImage(_sha256(self.image), self.strength, "" if self.mask is None else _sha256(self.mask)),
            style=None if self.style is None else StyleImage(_sha256(self.style), self.style_weight),
            adapters=self.adapters,
            strict=self.strict,
        )
        return ImageSpec(self.variant, self.prompt, self.width, self.height, self.seed, settings)

    def context(self, request_id: str = "r", tenant: str = "t", previews: int = 0) -> RunContext:
        pictures = {_sha256(content): content for content in (self.image, self.mask, self.style) if content is not None}
        return RunContext(request_id, tenant, previews=previews, pictures=pictures)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def smooth_picture(seed: int, width: int = 32, height: int = 32) -> bytes:
    """A PNG of soft patches of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return _png(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def left_half_mask(width: int = 32, height: int = 32) -> bytes:
    """A PNG, white on the left half."""
    levels = np.zeros((height, width), np.uint8)
    levels[:, : width // 2] = 255
    return _png(Image.fromarray(levels))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def make_request(
    tenant: str = "t",
    side: int = 32,
    *,
    steps: int = 2,
    submitted: float = 1000.0,
    deadline: float | None = None,
    priority: int = 0,
    guided: bool = False,
    strict: bool = False,
) -> DiffusionRequest:
    spec = Case(width=side, height=side, steps=steps).spec()
    assert isinstance(spec.settings, DiffusionSettings)
    zeros = (0.0,) * steps
    return DiffusionRequest(
        spec=spec,
        settings=spec.settings,
        context=RunContext("r", tenant, priority=priority),
        key=LAYOUT.key(side, side, strict=strict),
        plan=SamplingPlan("ddim", 1.0, zeros, zeros, ((0.0, 0.0),) * steps, (Mix(1.0, 0.0),) * (steps + 1)),
        mailbox=Mailbox(asyncio.AbstractEventLoop()),
        timeline=Timeline(submitted),
        deadline=deadline,
        guided=guided,
    )


def pixels_of(png: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(png))).astype(np.int64)
