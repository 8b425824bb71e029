"""diffusers' own pipelines over the same folder: what the engine's pictures are compared with."""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from numpy.typing import NDArray
from PIL import Image

from tests.unit.models.diffusion.making import Case

Peer = Callable[[Case], NDArray[np.int64]]


def schedulers(config: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Of each sampler's name, the diffusers scheduler that it must equal."""
    config = {**config, "clip_sample": False}
    karras = {**config, "use_karras_sigmas": True}
    return {
        "ddim": functools.partial(DDIMScheduler.from_config, config),
        "euler": functools.partial(EulerDiscreteScheduler.from_config, config),
        "euler_ancestral": functools.partial(EulerAncestralDiscreteScheduler.from_config, config),
        "dpmpp_2m": functools.partial(DPMSolverMultistepScheduler.from_config, config),
        "dpmpp_2m_karras": functools.partial(DPMSolverMultistepScheduler.from_config, karras),
    }


def peer_of(folder: Path) -> Peer:
    """Runs a case through the pipeline that diffusers has for it."""
    whole = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)
    parts = whole.components
    pipelines = {
        kind: kind(**parts, requires_safety_checker=False)
        for kind in (StableDiffusionPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)
    }
    known = schedulers(dict(whole.scheduler.config))

    def run(case: Case) -> NDArray[np.int64]:
        kind, more = _call(case)
        pipeline = pipelines[kind]
        pipeline.set_progress_bar_config(disable=True)
        pipeline.scheduler = known[case.sampler]()
        picture = pipeline(
            case.prompt,
            negative_prompt=case.negative,
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator().manual_seed(case.seed),
            **more,
        ).images[0]
        return np.asarray(picture).astype(np.int64)

    return run


def _call(case: Case) -> tuple[type, dict[str, Any]]:
    size = {"width": case.width, "height": case.height}
    if case.image is None:
        return StableDiffusionPipeline, size
    start = {"image": Image.open(io.BytesIO(case.image)), "strength": case.strength}
    if case.mask is None:
        return StableDiffusionImg2ImgPipeline, start
    return StableDiffusionInpaintPipeline, {**start, **size, "mask_image": Image.open(io.BytesIO(case.mask))}
