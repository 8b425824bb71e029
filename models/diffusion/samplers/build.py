"""Samplers for a pipeline folder, whatever scheduler class the folder names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from torch import Tensor

from gitex.errors import SettingsError
from models.diffusion.samplers.ddim import DdimSampler
from models.diffusion.samplers.euler import EulerSampler
from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.protocol import Sampler

_EULER_VARIATIONS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


def build_samplers(scheduler_config: Mapping[str, Any]) -> dict[str, Sampler]:
    """Samplers by name, from the contents of `scheduler_config.json`.

    The config is read through diffusers' own `from_config`, so that defaults (each class has others) come out as they
    would there. Raises `SettingsError` for options that would change the result and are not supported.
    """
    samplers: tuple[Sampler, ...] = (build_ddim(scheduler_config), build_euler(scheduler_config))
    return {sampler.name: sampler for sampler in samplers}


def build_ddim(scheduler_config: Mapping[str, Any]) -> DdimSampler:
    """As diffusers runs `DDIMScheduler.from_config(scheduler_config)` in a latent pipeline."""
    # DDIMScheduler clips unless told not to, which turns latents into nonsense: clip only where the folder says so.
    clips = bool(scheduler_config.get("clip_sample", False))
    peer = DDIMScheduler.from_config({**scheduler_config, "clip_sample": clips})
    if peer.config.thresholding:
        raise SettingsError("dynamic thresholding is not supported", param="thresholding")
    return DdimSampler(
        schedule=_noise_schedule(peer.config, peer.alphas_cumprod),
        final_alpha=float(peer.final_alpha_cumprod),
        clip_range=float(peer.config.clip_sample_range) if clips else None,
    )


def build_euler(scheduler_config: Mapping[str, Any]) -> EulerSampler:
    """As diffusers runs `EulerDiscreteScheduler.from_config(scheduler_config)`."""
    peer = EulerDiscreteScheduler.from_config(dict(scheduler_config))
    for option in _EULER_VARIATIONS:
        if peer.config[option]:
            raise SettingsError(f"the option {option} is not supported", param=option)
    if peer.config.interpolation_type != "linear":
        raise SettingsError("only linear sigma interpolation is supported", param="interpolation_type")
    if peer.config.timestep_type != "discrete":
        raise SettingsError("only discrete timesteps are supported", param="timestep_type")
    return EulerSampler(
        schedule=_noise_schedule(peer.config, peer.alphas_cumprod),
        ends_at_zero=peer.config.final_sigmas_type == "zero",
    )


def _noise_schedule(config: Mapping[str, Any], alphas_cumprod: Tensor) -> NoiseSchedule:
    return NoiseSchedule(
        alphas_cumprod=alphas_cumprod.numpy().astype(np.float32),
        prediction=config["prediction_type"],
        spacing=config["timestep_spacing"],
        steps_offset=config["steps_offset"],
    )
