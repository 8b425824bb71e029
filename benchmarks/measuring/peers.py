"""The named peer: diffusers' own pipeline over the same weights, whole requests at a time."""

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from gitex.specs import DiffusionSettings, ImageSpec

SCHEDULERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
Pixels = NDArray[np.uint8]


class DiffusersPeer:
    """Runs specs through `StableDiffusionPipeline`. A call takes one number of steps, one guidance and one sampler."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._pipeline = StableDiffusionPipeline.from_pretrained(
            folder, dtype=dtype, safety_checker=None, requires_safety_checker=False
        ).to(device)
        self._pipeline.set_progress_bar_config(disable=True)

    def run(self, specs: Sequence[ImageSpec]) -> list[Pixels]:
        """Pictures of specs that are alike in all that a call has once; encoded as PNG, as an answer would be."""
        settings = _settings(specs[0])
        config = {**self._pipeline.scheduler.config, "clip_sample": False}
        self._pipeline.scheduler = SCHEDULERS[settings.sampler].from_config(config)
        pictures: list[Image.Image] = self._pipeline(
            [spec.prompt for spec in specs],
            negative_prompt=[_settings(spec).negative_prompt for spec in specs],
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance_scale,
            width=specs[0].width,
            height=specs[0].height,
            generator=[torch.Generator().manual_seed(spec.seed) for spec in specs],
        ).images
        for picture in pictures:
            picture.save(io.BytesIO(), format="PNG", compress_level=6)
        return [np.asarray(picture) for picture in pictures]


def alike(specs: Sequence[ImageSpec], most: int) -> list[list[ImageSpec]]:
    """Groups that one pipeline call can run, of at most `most`, in the order of their first members."""
    groups: dict[Any, list[ImageSpec]] = defaultdict(list)
    for spec in specs:
        settings = _settings(spec)
        groups[settings.steps, settings.guidance_scale, settings.sampler, spec.width, spec.height].append(spec)
    return [group[at : at + most] for group in groups.values() for at in range(0, len(group), most)]


def _settings(spec: ImageSpec) -> DiffusionSettings:
    assert isinstance(spec.settings, DiffusionSettings)
    return spec.settings
