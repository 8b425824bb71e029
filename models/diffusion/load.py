"""From a catalog entry to a running engine."""

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from configs.catalog import DiffusionDefaults, ModelEntry
from gitex.errors import SettingsError
from gitex.ports import Clock, Recorder
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.device import compute_dtype, prepare_device
from models.diffusion.decode import AutoencoderDecoder, Decoder
from models.diffusion.denoiser import Denoiser, StableDiffusionDenoiser
from models.diffusion.engine import DiffusionEngine, EngineSettings
from models.diffusion.samplers.build import build_samplers
from models.diffusion.samplers.protocol import Sampler
from models.registry.digest import weights_date
from models.registry.sources import checked_digest, resolve_source


def load_diffusion_engine(entry: ModelEntry, recorder: Recorder, clock: Clock) -> DiffusionEngine:
    """Load, check and warm the model of `entry`, and start its engine. Blocks for seconds to minutes.

    Raises `SettingsError`, `WeightsMismatch`, `Unavailable`.
    """
    folder = resolve_source(entry.source)
    digest = checked_digest(entry, folder)
    device = prepare_device(entry.engine)
    pipeline = load_pipeline(folder, device, compute_dtype(entry.engine, device))
    samplers = build_samplers(pipeline.scheduler.config)
    denoiser, decoder = StableDiffusionDenoiser(pipeline), AutoencoderDecoder(pipeline.vae)
    info = ModelInfo(
        variant=Variant(entry.name, entry.version, digest),
        kind="diffusion",
        created=weights_date(folder),
        image=_limits(entry.diffusion, denoiser.latent_factor, samplers),
    )
    _warm_up(denoiser, decoder, entry.diffusion)
    settings = EngineSettings(max_batch=entry.engine.max_batch, max_waiting=entry.engine.max_waiting)
    return DiffusionEngine(
        info=info,
        denoiser=denoiser,
        decoder=decoder,
        samplers=samplers,
        settings=settings,
        recorder=recorder,
        clock=clock,
    )


def load_pipeline(folder: Path, device: torch.device, dtype: torch.dtype) -> StableDiffusionPipeline:
    """A `StableDiffusionPipeline` folder, safetensors only, ready for inference. Raises `SettingsError`."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{folder} is no Stable Diffusion pipeline: {problem}", param="source") from problem
    pipeline.to(device)
    for network in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        network.eval().requires_grad_(False)
    return pipeline


def _limits(defaults: DiffusionDefaults, factor: int, samplers: dict[str, Sampler]) -> ImageLimits:
    return ImageLimits(
        default_width=defaults.width,
        default_height=defaults.height,
        min_side=defaults.min_side,
        max_side=defaults.max_side,
        side_multiple=factor,
        default_steps=defaults.steps,
        max_steps=min(defaults.max_steps, *(sampler.max_steps for sampler in samplers.values())),
        default_guidance=defaults.guidance_scale,
        default_sampler=defaults.sampler,
        samplers=tuple(sorted(samplers)),
    )


@torch.inference_mode()
def _warm_up(denoiser: Denoiser, decoder: Decoder, defaults: DiffusionDefaults) -> None:
    """One guided step and one decode at the default size, so that the first request does not pay for lazy set-up."""
    side = denoiser.latent_factor
    shape = (2, denoiser.latent_channels, defaults.height // side, defaults.width // side)
    latents = torch.zeros(shape, dtype=denoiser.dtype, device=denoiser.device)
    context = denoiser.encode("").expand(2, -1, -1)
    timesteps = torch.ones(2, device=denoiser.device)
    decoder.decode(denoiser.predict(latents, timesteps, context)[0].float())
