"""Our samplers against the diffusers schedulers of the same name, step by step."""

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler
from torch import Tensor

from gitex.errors import InvalidInput, SettingsError
from models.diffusion.samplers.build import build_ddim, build_euler, build_samplers
from models.diffusion.samplers.protocol import Sampler

# numpy 2 complains of the line in which EulerDiscreteScheduler turns a tensor into an array.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SPACINGS = ("leading", "linspace", "trailing")
STEPS = (1, 2, 7, 20, 30, 50)


def configs() -> list[dict[str, Any]]:
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
        for spacing in SPACINGS
        for prediction in ("epsilon", "v_prediction")
        for zero in (False, True)
        for offset in (0, 1)
    ]


def name_of(config: dict[str, Any]) -> str:
    zero = "zero" if config["rescale_betas_zero_snr"] else "usual"
    return f"{config['timestep_spacing']}-{config['prediction_type']}-{zero}-{config['steps_offset']}"


def assert_equal_step_by_step(sampler: Sampler, peer: Any, steps: int) -> None:
    """Rows of one request at every one of its steps at once, against the peer's steps one after the other."""
    peer.set_timesteps(steps)
    plan = sampler.plan(steps)
    torch.testing.assert_close(torch.tensor(plan.timesteps), peer.timesteps.float(), rtol=0, atol=1e-4)
    assert plan.initial_scale == pytest.approx(float(peer.init_noise_sigma), rel=1e-6)
    generator = torch.Generator().manual_seed(steps)
    latents = torch.randn(1, 4, 3, 5, generator=generator) * plan.initial_scale
    before, outputs, after, clean = [], [], [], []
    for timestep, divisor in zip(peer.timesteps, plan.input_divisors, strict=True):
        scaled = peer.scale_model_input(latents, timestep)
        torch.testing.assert_close(latents / divisor, scaled, rtol=1e-5, atol=1e-7)
        output = torch.randn(1, 4, 3, 5, generator=generator)
        stepped = peer.step(output, timestep, latents)
        before.append(latents)
        outputs.append(output)
        latents = stepped.prev_sample
        after.append(latents)
        clean.append(stepped.pred_original_sample)
    ours = sampler.step(torch.tensor(plan.coefficients), torch.cat(before), torch.cat(outputs))
    assert_close(ours.latents, torch.cat(after))
    assert_close(ours.clean, torch.cat(clean))


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Within 1e-5 of the largest value of the row: what float32 leaves of a difference of large numbers."""
    scale = theirs.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-3)
    assert torch.isfinite(theirs).all()
    assert ((ours - theirs).abs() / scale).max() <= 1e-5


@pytest.mark.parametrize("config", configs(), ids=name_of)
def test_ddim_equals_diffusers(config: dict[str, Any]) -> None:
    sampler = build_ddim(config)
    for steps in STEPS:
        try:
            sampler.plan(steps)
        except InvalidInput:
            assert config["rescale_betas_zero_snr"]
            assert config["prediction_type"] == "epsilon"
        else:
            assert_equal_step_by_step(sampler, DDIMScheduler.from_config(config), steps)


@pytest.mark.parametrize("config", configs(), ids=name_of)
def test_euler_equals_diffusers(config: dict[str, Any]) -> None:
    sampler = build_euler(config)
    for steps in STEPS:
        assert_equal_step_by_step(sampler, EulerDiscreteScheduler.from_config(config), steps)


def test_ddim_refuses_to_divide_by_zero_signal() -> None:
    config = {**BETAS, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    with pytest.raises(InvalidInput, match="use euler"):
        build_ddim(config).plan(10)


def test_clipping_is_done_only_where_the_folder_asks_for_it() -> None:
    clipping = {**BETAS, "clip_sample": True, "clip_sample_range": 0.5}
    assert_equal_step_by_step(build_ddim(clipping), DDIMScheduler.from_config(clipping), 5)
    assert build_ddim(clipping).clip_range == 0.5
    assert DDIMScheduler.from_config(BETAS).config.clip_sample
    assert build_ddim(BETAS).clip_range is None


def test_another_class_s_config_gets_each_samplers_own_defaults() -> None:
    config = PNDMScheduler(**BETAS, steps_offset=1).config
    samplers = build_samplers(config)
    assert_equal_step_by_step(samplers["ddim"], DDIMScheduler.from_config({**config, "clip_sample": False}), 9)
    assert_equal_step_by_step(samplers["euler"], EulerDiscreteScheduler.from_config(config), 9)


def test_rows_at_different_places_do_not_touch_each_other() -> None:
    for sampler in build_samplers({**BETAS, "prediction_type": "v_prediction"}).values():
        coefficients = torch.tensor([sampler.plan(8).coefficients[3], sampler.plan(20).coefficients[19]])
        latents, outputs = torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)
        both = sampler.step(coefficients, latents, outputs)
        for i in range(2):
            alone = sampler.step(coefficients[i : i + 1], latents[i : i + 1], outputs[i : i + 1])
            assert torch.equal(both.latents[i], alone.latents[0])
            assert torch.equal(both.clean[i], alone.clean[0])


def test_trailing_spacing_never_leaves_the_schedule() -> None:
    """diffusers gives 62 timesteps for 61 steps, the last at -1."""
    sampler = build_ddim({**BETAS, "timestep_spacing": "trailing"})
    for steps in range(1, sampler.max_steps + 1):
        timesteps = sampler.plan(steps).timesteps
        assert len(timesteps) == steps
        assert min(timesteps) >= 0


def test_every_step_count_up_to_the_limit_can_be_planned() -> None:
    for spacing in SPACINGS:
        for sampler in build_samplers({**BETAS, "timestep_spacing": spacing, "steps_offset": 1}).values():
            assert len(sampler.plan(sampler.max_steps).timesteps) == sampler.max_steps


@pytest.mark.parametrize(
    "option",
    [
        {"use_karras_sigmas": True},
        {"interpolation_type": "log_linear"},
        {"timestep_type": "continuous"},
        {"prediction_type": "sample"},
        {"thresholding": True},
    ],
)
def test_options_that_would_change_the_result_are_refused_by_name(option: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refusal:
        build_samplers({**BETAS, **option})
    assert refusal.value.param == next(iter(option))
