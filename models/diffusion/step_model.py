"""What the step loop needs of a pipeline, or why it cannot run it step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diffusers import AutoencoderKL, AutoencoderTiny

from gitex.errors import SettingsError
from models.diffusion.autoencoder import Autoencoder, LatentAutoencoder
from models.diffusion.denoisers.flux import FluxDenoiser
from models.diffusion.denoisers.protocol import Denoiser
from models.diffusion.denoisers.sd3 import StableDiffusion3Denoiser
from models.diffusion.denoisers.sdxl import StableDiffusionXlDenoiser
from models.diffusion.denoisers.stable_diffusion import StableDiffusionDenoiser
from models.diffusion.samplers.build import build_samplers
from models.diffusion.samplers.flow_euler import FlowSpacing
from models.diffusion.samplers.protocol import Sampler


@dataclass(frozen=True)
class StepModel:
    """The parts of a model whose requests share denoising steps."""

    denoiser: Denoiser
    autoencoder: Autoencoder
    samplers: Mapping[str, Sampler]


@dataclass(frozen=True)
class _Family:
    denoiser: Callable[[Any], Denoiser]
    flow_spacing: FlowSpacing = "linspace"
    upcasts: bool = False
    """See `LatentAutoencoder`."""


_FAMILIES = {
    "StableDiffusionPipeline": _Family(StableDiffusionDenoiser),
    "StableDiffusionXLPipeline": _Family(StableDiffusionXlDenoiser, upcasts=True),
    "StableDiffusion3Pipeline": _Family(StableDiffusion3Denoiser),
    "FluxPipeline": _Family(FluxDenoiser, flow_spacing="trailing"),
}


def step_model(pipeline: Any) -> StepModel:
    """Adapt a loaded pipeline. Raises `SettingsError` naming what there is no adapter for."""
    name = type(pipeline).__name__
    if name not in _FAMILIES:
        raise SettingsError(f"there is no denoiser for {name}", param="source")
    family = _FAMILIES[name]
    denoiser = family.denoiser(pipeline)
    samplers = build_samplers(pipeline.scheduler.config, flow_spacing=family.flow_spacing)
    if not isinstance(pipeline.vae, AutoencoderKL | AutoencoderTiny):
        raise SettingsError(f"the autoencoder class {type(pipeline.vae).__name__} is not supported", param="source")
    return StepModel(denoiser, LatentAutoencoder(pipeline.vae, upcast=family.upcasts), samplers)
