"""A sampler against the diffusers scheduler of that name: every timestep, noise level and step of a whole schedule."""

from itertools import product
from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from models.diffusion.samplers.protocol import Sampler

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SPACINGS = ("leading", "linspace", "trailing")
STEPS = (1, 2, 3, 14, 15, 20, 61)
MANY_STEPS = 999
"""Slow, so not with every prediction type, which has no say in the schedule."""
SHAPE = (1, 2, 2, 3)
AREA = 64


def beta_configs() -> list[dict[str, Any]]:
    """Every spacing, prediction type and zero-SNR setting; the offset has a meaning for leading spacing only."""
    return [
        {
            **BETAS,
            "timestep_spacing": spacing,
            "prediction_type": prediction,
            "rescale_betas_zero_snr": zero,
            "steps_offset": offset,
            "set_alpha_to_one": offset == 0,
            "clip_sample": False,
        }
        for spacing, prediction, zero, offset in product(
            SPACINGS, ("epsilon", "v_prediction", "sample"), (False, True), (0, 1)
        )
        if spacing == "leading" or offset == 0
    ]


def name_of(config: dict[str, Any]) -> str:
    zero = "zero" if config["rescale_betas_zero_snr"] else "usual"
    return f"{config['timestep_spacing']}-{config['prediction_type']}-{zero}-{config['steps_offset']}"


def assert_equals_peer(sampler: Sampler, peer: Any) -> None:
    """For many step counts, whole and with the first part left out."""
    for steps in STEPS:
        assert_equal_step_by_step(sampler, peer, steps)
        if steps >= 3:
            assert_equal_step_by_step(sampler, peer, steps, skip=steps // 3)
    if peer.config.prediction_type == "v_prediction" and sampler.max_steps >= MANY_STEPS:
        assert_equal_step_by_step(sampler, peer, MANY_STEPS)


def assert_equal_step_by_step(
    sampler: Sampler, peer: Any, steps: int, skip: int = 0, area: int = AREA, **timetable: Any
) -> None:
    """Rows of one request at every one of its steps at once, against the peer's steps one after the other."""
    set_timesteps(peer, steps, **timetable)
    plan = sampler.plan(steps, skip=skip, area=area)
    timesteps = peer.timesteps[skip:]
    torch.testing.assert_close(torch.tensor(plan.timesteps), timesteps.float(), rtol=1e-6, atol=2e-4)
    assert plan.initial_scale == pytest.approx(float(getattr(peer, "init_noise_sigma", 1.0)), rel=1e-6)
    generator = torch.Generator().manual_seed(steps)
    assert_equal_mixes(sampler, peer, steps, skip, area)
    begin_at(peer, skip)
    fresh, same = (torch.Generator().manual_seed(steps + 1) for _ in range(2))
    latents = torch.randn(SHAPE, generator=generator) * plan.initial_scale
    before, scaled, outputs, noise, after, clean = [], [], [], [], [], []
    for timestep in timesteps:
        before.append(latents)
        scaled.append(peer.scale_model_input(latents, timestep) if hasattr(peer, "scale_model_input") else latents)
        outputs.append(torch.randn(SHAPE, generator=generator))
        noise.append(torch.randn(SHAPE, generator=fresh))
        drawn = {"generator": same} if sampler.draws_noise else {}
        stepped = peer.step(outputs[-1], timestep, latents, **drawn)
        clean.append(_clean_of(peer, stepped, latents, outputs[-1]))
        latents = stepped.prev_sample
        after.append(latents)
    assert_close(torch.cat(before) / torch.tensor(plan.input_divisors)[:, None, None, None], torch.cat(scaled))
    ours = sampler.step(
        torch.tensor(plan.coefficients),
        torch.cat(before),
        torch.cat(outputs),
        previous=torch.cat([torch.zeros(SHAPE), *clean[:-1]]) if sampler.remembers else None,
        noise=torch.cat(noise) if sampler.draws_noise else None,
    )
    assert_close(ours.latents, torch.cat(after))
    assert_close(ours.clean, torch.cat(clean))


def assert_equal_mixes(sampler: Sampler, peer: Any, steps: int, skip: int, area: int = AREA) -> None:
    """The noise level before each step, against the peer's `add_noise` there."""
    mixes = sampler.plan(steps, skip=skip, area=area).mixes
    assert len(mixes) == steps - skip + 1
    assert tuple(mixes[-1]) == (1.0, 0.0)
    clean, noise = torch.randn(SHAPE), torch.randn(SHAPE)
    ours, theirs = [], []
    for i, mix in enumerate(mixes[:-1]):
        begin_at(peer, skip + i)
        timestep = peer.timesteps[skip + i][None]
        if isinstance(peer, FlowMatchEulerDiscreteScheduler):
            theirs.append(peer.scale_noise(clean, timestep, noise))
        else:
            theirs.append(peer.add_noise(clean, noise, timestep))
        ours.append(mix.signal * clean + mix.noise * noise)
    assert_close(torch.cat(ours), torch.cat(theirs))


def set_timesteps(peer: Any, steps: int, **timetable: Any) -> None:
    """As the peer does, but never more timesteps than asked for.

    diffusers' trailing spacing gives 62 timesteps for 61 steps, the last at -1, where no model was trained and the
    picture breaks. Our rule is always exactly `steps`: the surplus one is left out of the peer.
    """
    peer.set_timesteps(steps, **timetable)
    surplus = len(peer.timesteps) - steps
    if surplus:
        assert peer.timesteps[-1] == -1
        peer.timesteps = peer.timesteps[:steps]
        if hasattr(peer, "sigmas"):
            peer.sigmas = torch.cat([peer.sigmas[:steps], peer.sigmas[-1:]])


def begin_at(peer: Any, index: int) -> None:
    """As pipelines do. Without it, a peer whose timesteps repeat would start at the second one of a kind."""
    if hasattr(peer, "set_begin_index"):
        peer.set_begin_index(index)


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Within 1e-5 of the largest value of the row: what float32 leaves of a difference of large numbers."""
    scale = theirs.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-3)
    assert torch.isfinite(theirs).all()
    assert ((ours - theirs).abs() / scale).max() <= 1e-5


def _clean_of(peer: Any, stepped: Any, latents: Tensor, output: Tensor) -> Tensor:
    clean: Tensor
    if isinstance(peer, DPMSolverMultistepScheduler):
        clean = peer.model_outputs[-1]
    elif isinstance(peer, FlowMatchEulerDiscreteScheduler):
        clean = latents - peer.sigmas[peer.step_index - 1] * output
    else:
        clean = stepped.pred_original_sample
    return clean
