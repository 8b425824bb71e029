"""Our engine, loaded and driven as the benchmarks need it."""

import io
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from configs.catalog import REPOSITORY, DiffusionDefaults, EngineOptions, ModelEntry
from gitex.events import Finished
from gitex.ports import ImageModel, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant

STARTER = REPOSITORY / "models/starter/weights/starter-diffusion-2"
PROMPTS = (
    "a red circle on a white background, flat style",
    "a large blue star on a yellow background, outline style",
    "a green moon on a black background, gradient style",
)


class Monotonic:
    """A `gitex.ports.Clock`."""

    def now(self) -> float:
        return time.monotonic()


class Silent:
    """A recorder that keeps nothing."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None: ...

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...


def entry_of(folder: Path, options: EngineOptions, side: int) -> ModelEntry:
    """A catalog entry for a folder that is only measured."""
    defaults = DiffusionDefaults(width=side, height=side, min_side=side, max_side=side)
    return ModelEntry(
        name="measured", version=1, kind="diffusion", source=str(folder.resolve()), engine=options, diffusion=defaults
    )


def spec_of(variant: Variant, seed: int, side: int, settings: DiffusionSettings) -> ImageSpec:
    """One of the prompts, by the seed."""
    return ImageSpec(variant, PROMPTS[seed % len(PROMPTS)], side, side, seed, settings)


async def picture_of(model: ImageModel, spec: ImageSpec) -> NDArray[np.uint8]:
    """Run one spec to its end."""
    async for event in model.generate(spec, RunContext(f"seed-{spec.seed}")):
        if isinstance(event, Finished):
            return np.asarray(Image.open(io.BytesIO(event.output.content)))
    raise RuntimeError("the engine ended without a picture")
