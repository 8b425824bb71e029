"""From a catalog entry to a running engine: step by step where there is a denoiser for it, else whole requests."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch

from configs.catalog import DiffusionDefaults, EngineOptions, ModelEntry
from gitex.errors import SettingsError
from gitex.ports import Clock, ImageEngine, Recorder
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.device import compute_dtype, prepare_device
from models.diffusion.adapters import load_adapters
from models.diffusion.conditioning import stack
from models.diffusion.engine import DiffusionEngine, EngineSettings
from models.diffusion.memory_probe import fit_memory
from models.diffusion.pipelines import load_pipeline, pipeline_class
from models.diffusion.safety import EverythingAllowed, SafetyChecker
from models.diffusion.sd_safety import load_safety_checker
from models.diffusion.step_model import StepModel, step_model
from models.diffusion.whole_pipeline import SAMPLER, WholePipeline
from models.diffusion.whole_request import WholeRequestEngine
from models.registry.digest import weights_date
from models.registry.sources import checked_digest, resolve_source

logger = logging.getLogger(__name__)

_OVERFLOW_FLOAT16 = ("StableDiffusion3Pipeline", "FluxPipeline")


def load_diffusion_engine(entry: ModelEntry, recorder: Recorder, clock: Clock) -> ImageEngine:
    """Load, check and warm the model of `entry`, and start its engine. Blocks for seconds to minutes.

    Raises `SettingsError`, `WeightsMismatch`, `Unavailable`.
    """
    folder = resolve_source(entry.source, safety_checker=entry.safety == "pipeline")
    digest = checked_digest(entry, folder)
    device = prepare_device(entry.engine)
    pipeline = load_pipeline(folder, device, _dtype(entry.engine, device, pipeline_class(folder).__name__))
    loaded = _Loaded(
        entry,
        pipeline,
        ModelInfo(Variant(entry.name, entry.version, digest), "diffusion", created=weights_date(folder)),
        load_safety_checker(folder, device) if entry.safety == "pipeline" else EverythingAllowed(),
        recorder,
        clock,
    )
    try:
        model = step_model(pipeline)
    except SettingsError as refusal:
        logger.warning("%s runs one whole request after the other: %s", entry.id, refusal.message)
        return _whole_request_engine(loaded)
    return _step_engine(loaded, model)


@dataclass(frozen=True)
class _Loaded:
    """What both kinds of engine are made of."""

    entry: ModelEntry
    pipeline: Any
    info: ModelInfo
    """Still without its limits."""
    safety: SafetyChecker
    recorder: Recorder
    clock: Clock

    @property
    def settings(self) -> EngineSettings:
        options = self.entry.engine
        return EngineSettings(options.max_batch, options.max_waiting, strict_rows=options.strict_rows)


def _step_engine(loaded: _Loaded, model: StepModel) -> DiffusionEngine:
    defaults = loaded.entry.diffusion
    limits = replace(
        _limits(defaults, model.denoiser.side_multiple, model.samplers),
        max_steps=min(defaults.max_steps, *(sampler.max_steps for sampler in model.samplers.values())),
        adapters=load_adapters(loaded.pipeline, loaded.entry.adapters),
        takes_images=True,
    )
    _warm_up(model, defaults)
    sides = sorted({defaults.min_side, defaults.max_side})
    memory = fit_memory(
        model.denoiser,
        model.autoencoder,
        sizes=[(side, side) for side in sides],
        max_batch=loaded.settings.max_batch,
    )
    return DiffusionEngine(
        info=replace(loaded.info, image=limits),
        denoiser=model.denoiser,
        autoencoder=model.autoencoder,
        samplers=model.samplers,
        safety=loaded.safety,
        settings=loaded.settings,
        recorder=loaded.recorder,
        clock=loaded.clock,
        memory=memory,
    )


def _whole_request_engine(loaded: _Loaded) -> WholeRequestEngine:
    if loaded.entry.adapters:
        raise SettingsError("only models that run step by step take adapters", param="adapters")
    defaults = loaded.entry.diffusion
    runner = WholePipeline(loaded.pipeline)
    limits = replace(
        _limits(defaults, runner.side_multiple, (SAMPLER,)),
        default_guidance=defaults.guidance_scale if runner.guides else 1.0,
        takes_images=runner.takes_images,
        batching="request",
    )
    variant, guidance = loaded.info.variant, defaults.guidance_scale
    runner.warm_up(variant, width=defaults.width, height=defaults.height, guidance_scale=guidance)
    return WholeRequestEngine(
        info=replace(loaded.info, image=limits),
        runner=runner,
        safety=loaded.safety,
        settings=loaded.settings,
        recorder=loaded.recorder,
        clock=loaded.clock,
    )


def _dtype(options: EngineOptions, device: torch.device, pipeline: str) -> torch.dtype:
    dtype = compute_dtype(options, device)
    # Trained in bfloat16, these make values that float16 cannot hold.
    if options.dtype == "auto" and dtype == torch.float16 and pipeline in _OVERFLOW_FLOAT16:
        return torch.bfloat16
    return dtype


def _limits(defaults: DiffusionDefaults, side_multiple: int, samplers: Collection[str]) -> ImageLimits:
    for name in ("width", "height", "min_side", "max_side"):
        side: int = vars(defaults)[name]
        if side % side_multiple:
            raise SettingsError(f"{name} {side} is no multiple of {side_multiple}", param=f"diffusion.{name}")
    sampler = defaults.sampler or ("euler" if "euler" in samplers else min(samplers))
    if sampler not in samplers:
        known = ", ".join(sorted(samplers))
        raise SettingsError(f"sampler {sampler!r} is none of the model's: {known}", param="diffusion.sampler")
    return ImageLimits(
        default_width=defaults.width,
        default_height=defaults.height,
        min_side=defaults.min_side,
        max_side=defaults.max_side,
        side_multiple=side_multiple,
        default_steps=defaults.steps,
        max_steps=defaults.max_steps,
        default_guidance=defaults.guidance_scale,
        default_sampler=sampler,
        samplers=tuple(sorted(samplers)),
    )


@torch.inference_mode()
def _warm_up(model: StepModel, defaults: DiffusionDefaults) -> None:
    """One guided step and one decode at the default size, so that the first request does not pay for lazy set-up."""
    denoiser = model.denoiser
    side = denoiser.latent_factor
    shape = (2, denoiser.latent_channels, defaults.height // side, defaults.width // side)
    latents = torch.zeros(shape, dtype=denoiser.dtype, device=denoiser.device)
    row = denoiser.complete(
        denoiser.encode(""), width=defaults.width, height=defaults.height, guidance_scale=defaults.guidance_scale
    )
    timesteps = torch.ones(2, device=denoiser.device)
    predicted = denoiser.predict(latents, timesteps, stack([row, row]))
    model.autoencoder.decode([predicted[0].float()]).pictures()
