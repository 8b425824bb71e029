"""Samplers for a pipeline folder, whatever scheduler class the folder names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.schedulers import KarrasDiffusionSchedulers

from gitex.errors import SettingsError
from models.diffusion.samplers.ddim import DdimSampler
from models.diffusion.samplers.dpmpp_2m import Dpmpp2mSampler
from models.diffusion.samplers.euler import EulerSampler
from models.diffusion.samplers.euler_ancestral import EulerAncestralSampler
from models.diffusion.samplers.flow_euler import DynamicShift, FlowEulerSampler, FlowSpacing
from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.protocol import Sampler

Config = Mapping[str, Any]

# EDM names its noise by sigma and has no betas, though diffusers counts it among the exchangeable ones.
_BETA_CLASSES = {member.name for member in KarrasDiffusionSchedulers} - {"EDMEulerScheduler"}


def build_samplers(scheduler_config: Config, *, flow_spacing: FlowSpacing = "linspace") -> dict[str, Sampler]:
    """Samplers by name, from the contents of `scheduler_config.json`: those that can run its noise schedule.

    The config is read through diffusers' own `from_config`, so that defaults (each class has others) come out as they
    would there. A sampler is left out if the config has an option that would change its result and is not supported;
    if none is left, that is a `SettingsError` naming the option. `flow_spacing`: which sigmas the folder's pipeline
    class passes to a flow-matching scheduler, see `FlowEulerSampler.spacing`; nothing else reads it.
    """
    kind = _class_name(scheduler_config)
    if kind.startswith("FlowMatch"):
        flow = build_flow_euler(scheduler_config, flow_spacing)
        return {flow.name: flow}
    if kind not in _BETA_CLASSES:
        raise SettingsError(f"the scheduler class {kind} is not supported", param="_class_name")
    samplers: dict[str, Sampler] = {}
    refusals: list[SettingsError] = []
    for build in (build_euler, build_euler_ancestral, build_ddim, build_dpmpp_2m, build_dpmpp_2m_karras):
        try:
            sampler: Sampler = build(scheduler_config)
        except SettingsError as refusal:
            refusals.append(refusal)
        else:
            samplers[sampler.name] = sampler
    if not samplers:
        raise refusals[0]
    return samplers


def build_euler(config: Config) -> EulerSampler:
    """As diffusers runs `EulerDiscreteScheduler.from_config(config)`."""
    _refuse_other_than(
        config,
        use_karras_sigmas=False,
        use_exponential_sigmas=False,
        use_beta_sigmas=False,
        interpolation_type="linear",
        timestep_type="discrete",
    )
    peer = _peer(EulerDiscreteScheduler, config)
    return EulerSampler(_noise_schedule(peer), ends_at_zero=_ends_at_zero(peer))


def build_euler_ancestral(config: Config) -> EulerAncestralSampler:
    """As diffusers runs `EulerAncestralDiscreteScheduler.from_config(config)`."""
    # Read by the plain class, whose own options the ancestral one ignores: the noise schedule and the defaults are the
    # same, and the constructor of the ancestral one makes numpy 2 warn.
    without = dict.fromkeys(("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"), False)
    return EulerAncestralSampler(_noise_schedule(_peer(EulerDiscreteScheduler, {**config, **without})))


def build_ddim(config: Config) -> DdimSampler:
    """As diffusers runs `DDIMScheduler.from_config(config)` in a latent pipeline."""
    _refuse_other_than(config, thresholding=False)
    # DDIMScheduler clips unless told not to, which turns latents into nonsense: clip only where the folder says so.
    clips = bool(config.get("clip_sample", False))
    peer = _peer(DDIMScheduler, {**config, "clip_sample": clips})
    return DdimSampler(
        schedule=_noise_schedule(peer),
        final_alpha=float(peer.final_alpha_cumprod),
        clip_range=float(peer.config.clip_sample_range) if clips else None,
    )


def build_dpmpp_2m(config: Config, *, karras: bool = False) -> Dpmpp2mSampler:
    """As diffusers runs `DPMSolverMultistepScheduler.from_config(config, ...)` with the options that the name means."""
    _refuse_other_than(
        config,
        thresholding=False,
        use_exponential_sigmas=False,
        use_beta_sigmas=False,
        use_lu_lambdas=False,
        use_flow_sigmas=False,
        lambda_min_clipped=-float("inf"),
        variance_type=None,
    )
    named = {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint", "use_karras_sigmas": karras}
    peer = _peer(DPMSolverMultistepScheduler, {**config, **named})
    return Dpmpp2mSampler(
        schedule=_noise_schedule(peer),
        karras=karras,
        rounds_timesteps=peer.config.beta_schedule != "squaredcos_cap_v2",
        ends_at_zero=_ends_at_zero(peer),
        euler_at_final=peer.config.euler_at_final,
        lower_order_final=peer.config.lower_order_final,
    )


def build_dpmpp_2m_karras(config: Config) -> Dpmpp2mSampler:
    return build_dpmpp_2m(config, karras=True)


def build_flow_euler(config: Config, spacing: FlowSpacing) -> FlowEulerSampler:
    """As diffusers runs `FlowMatchEulerDiscreteScheduler.from_config(config)`."""
    _refuse_other_than(
        config,
        use_karras_sigmas=False,
        use_exponential_sigmas=False,
        use_beta_sigmas=False,
        invert_sigmas=False,
        stochastic_sampling=False,
    )
    peer = _peer(FlowMatchEulerDiscreteScheduler, config)
    options = peer.config
    dynamic = DynamicShift(
        base_length=options.base_image_seq_len,
        max_length=options.max_image_seq_len,
        base_shift=options.base_shift,
        max_shift=options.max_shift,
        exponential=options.time_shift_type == "exponential",
    )
    return FlowEulerSampler(
        length=options.num_train_timesteps,
        spacing=spacing,
        smallest=peer.sigma_min,
        largest=peer.sigma_max,
        shift=dynamic if options.use_dynamic_shifting else options.shift,
        terminal=options.shift_terminal or None,
    )


def _class_name(config: Config) -> str:
    # The config of a scheduler that was made and not loaded does not say; only flow matching has a "shift".
    unnamed = "FlowMatchEulerDiscreteScheduler" if "shift" in config else "EulerDiscreteScheduler"
    return str(config.get("_class_name", unnamed))


def _refuse_other_than(config: Config, **supported: Any) -> None:
    for option, value in supported.items():
        if config.get(option) not in (None, value):
            raise SettingsError(f"the option {option}={config[option]!r} is not supported", param=option)


def _peer(kind: Any, config: Config) -> Any:
    try:
        return kind.from_config(dict(config))
    except (NotImplementedError, TypeError, ValueError) as problem:
        raise SettingsError(f"{kind.__name__} cannot run this schedule: {problem}", param="scheduler") from problem


def _ends_at_zero(peer: Any) -> bool:
    end = peer.config.final_sigmas_type
    if end not in ("zero", "sigma_min"):
        raise SettingsError(f"the option final_sigmas_type={end!r} is not supported", param="final_sigmas_type")
    return bool(end == "zero")


def _noise_schedule(peer: Any) -> NoiseSchedule:
    return NoiseSchedule(
        alphas_cumprod=peer.alphas_cumprod.numpy().astype(np.float32),
        prediction=peer.config.prediction_type,
        spacing=peer.config.timestep_spacing,
        steps_offset=peer.config.steps_offset,
    )
