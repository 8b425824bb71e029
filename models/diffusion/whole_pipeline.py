"""Any pipeline of diffusers that turns a prompt into a picture, run by its own `__call__` from start to end."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from gitex.errors import EngineFailure, InvalidInput, SettingsError
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec, SourceImage
from gitex.variants import Variant
from models.diffusion.mailbox import Pixels
from models.diffusion.pictures import read_picture
from models.png import png_bytes

SAMPLER = "pipeline"
"""The name of whatever noise solver the pipeline's folder brings."""

OnStep = Callable[[int, int], None]
"""Told how many steps are done, and of how many. What it raises ends the run."""

_NEEDED = ("prompt", "num_inference_steps", "generator", "output_type")


class WholePipeline:
    """One loaded pipeline. Used by one thread only: a pipeline and its scheduler hold the state of the current run."""

    def __init__(self, pipeline: Any) -> None:
        """Raises `SettingsError` for a pipeline that does not turn a prompt into a picture."""
        self._pipeline = pipeline
        self._accepts = frozenset(inspect.signature(pipeline.__call__).parameters)
        missing = [name for name in _NEEDED if name not in self._accepts]
        if missing:
            raise SettingsError(f"{type(pipeline).__name__} takes no {', '.join(missing)}", param="source")
        self.device: torch.device = pipeline.device
        self.dtype: torch.dtype = pipeline.dtype
        self.guides: bool = "guidance_scale" in self._accepts
        self.takes_images: bool = {"image", "strength"} <= self._accepts
        self.side_multiple: int = 8
        if hasattr(pipeline, "image_processor"):
            self.side_multiple = max(8, int(pipeline.image_processor.config.vae_scale_factor))

    def check(self, settings: DiffusionSettings) -> None:
        """Raises `InvalidInput` naming a field that this pipeline cannot honour."""
        if settings.guidance_scale != 1 and not self.guides:
            raise InvalidInput("this model has no guidance scale: only 1 is accepted", param="guidance_scale")
        if settings.negative_prompt and "negative_prompt" not in self._accepts:
            raise InvalidInput("this model takes no negative prompt", param="negative_prompt")
        if settings.style is not None:
            raise InvalidInput("this model cannot take a picture's style", param="style_image")
        if settings.source is not None and not self.takes_images:
            raise InvalidInput("this model does not begin from a picture", param="image")
        if settings.source is None and self.takes_images:
            raise InvalidInput("this model begins from a picture", param="image")
        masked = settings.source is not None and bool(settings.source.mask)
        if masked and "mask_image" not in self._accepts:
            raise InvalidInput("this model takes no mask", param="mask")
        if self.takes_images and not masked and "mask_image" in self._accepts:
            raise InvalidInput("this model needs a mask", param="mask")

    def run(self, spec: ImageSpec, settings: DiffusionSettings, context: RunContext, on_step: OnStep) -> Pixels:
        """Raises what `on_step` raises, `InvalidInput`, `EngineFailure`, and whatever the pipeline raises."""
        arguments = {
            "prompt": spec.prompt,
            "num_inference_steps": settings.steps,
            "generator": Generator().manual_seed(spec.seed),
            "output_type": "np",
            **self._optional(width=spec.width, height=spec.height, guidance_scale=settings.guidance_scale),
            **self._callback(settings.steps, on_step),
            **self._source(spec, settings, context),
        }
        if settings.negative_prompt:  # else the pipeline's own: some take none for an empty one, some do not
            arguments["negative_prompt"] = settings.negative_prompt
        return _pixels(self._pipeline(**arguments), spec)

    def warm_up(self, variant: Variant, *, width: int, height: int, guidance_scale: float) -> None:
        """One short run, after which the first request pays for nothing and it is known that requests can be run.

        Raises `SettingsError`.
        """
        grey = png_bytes(np.full((height, width, 3), 128, np.uint8))
        name = hashlib.sha256(grey).hexdigest()
        source = SourceImage(name, 1.0, name if "mask_image" in self._accepts else "") if self.takes_images else None
        settings = DiffusionSettings(steps=2, guidance_scale=guidance_scale, sampler=SAMPLER, source=source)
        spec = ImageSpec(variant, "", width, height, seed=0, settings=settings)
        try:
            self.run(spec, settings, RunContext("warm-up", pictures={name: grey}), lambda done, total: None)
        except Exception as problem:
            kind = type(self._pipeline).__name__
            raise SettingsError(f"{kind} cannot run a plain request: {problem!r}", param="source") from problem

    def _optional(self, **arguments: Any) -> dict[str, Any]:
        return {name: value for name, value in arguments.items() if name in self._accepts}

    def _callback(self, steps: int, on_step: OnStep) -> dict[str, Any]:
        """A pipeline with neither kind of callback tells of no step, and cannot be stopped on its way."""

        def end_of_step(
            pipeline: Any, index: int, timestep: Any, tensors: Mapping[str, Tensor]
        ) -> Mapping[str, Tensor]:
            on_step(index + 1, int(pipeline.num_timesteps) if hasattr(pipeline, "num_timesteps") else steps)
            return tensors

        if "callback_on_step_end" in self._accepts:
            return {"callback_on_step_end": end_of_step}
        return self._optional(callback=lambda index, timestep, latents: on_step(index + 1, steps))

    def _source(self, spec: ImageSpec, settings: DiffusionSettings, context: RunContext) -> dict[str, Any]:
        source = settings.source
        if source is None:
            return {}
        arguments = {
            "image": Image.fromarray(read_picture(spec, context, source.sha256, "image")),
            "strength": source.strength,
        }
        if source.mask:
            arguments["mask_image"] = Image.fromarray(read_picture(spec, context, source.mask, "mask"))
        return arguments


def _pixels(result: Any, spec: ImageSpec) -> Pixels:
    if not hasattr(result, "images"):
        raise EngineFailure(f"the pipeline made no picture but {type(result).__name__}")
    levels = np.asarray(result.images)[0]
    if not np.isfinite(levels).all():
        raise EngineFailure("the model made a picture of values that are not numbers")
    if levels.shape != (spec.height, spec.width, 3):
        raise EngineFailure(f"the pipeline made a picture of shape {levels.shape}, not {spec.width}x{spec.height}")
    pixels: Pixels = (levels * 255).round().astype(np.uint8)
    return pixels
