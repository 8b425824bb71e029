"""Which samplers a pipeline folder offers, and what holds for all of them."""

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler

from gitex.errors import InvalidInput, SettingsError
from models.diffusion.samplers.build import build_samplers
from models.diffusion.samplers.protocol import Sampler
from tests.unit.models.diffusion.stepwise import AREA, BETAS, SPACINGS, assert_equal_step_by_step

BETA_SAMPLERS = {"euler", "euler_ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_karras"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}


def every_sampler(config: dict[str, Any]) -> list[Sampler]:
    return [*build_samplers({**BETAS, **config}).values(), *build_samplers(FLOW).values()]


def test_a_beta_schedule_offers_all_of_them_by_their_own_names() -> None:
    samplers = build_samplers(BETAS)
    assert set(samplers) == BETA_SAMPLERS
    assert all(sampler.name == name for name, sampler in samplers.items())
    assert all(sampler.plan(2, area=AREA).sampler == name for name, sampler in samplers.items())


# numpy 2 complains of the lines in which the peers turn a tensor into an array.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_another_class_s_config_gets_each_samplers_own_defaults() -> None:
    config = PNDMScheduler(**BETAS, steps_offset=1).config
    samplers = build_samplers(config)
    assert_equal_step_by_step(samplers["ddim"], DDIMScheduler.from_config({**config, "clip_sample": False}), 9)
    assert_equal_step_by_step(samplers["euler"], EulerDiscreteScheduler.from_config(config), 9)
    assert_equal_step_by_step(samplers["dpmpp_2m"], DPMSolverMultistepScheduler.from_config(config), 9)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"use_karras_sigmas": True}, {"euler"}),
        ({"use_beta_sigmas": True}, {"euler", "dpmpp_2m", "dpmpp_2m_karras"}),
        ({"use_exponential_sigmas": True}, {"euler", "dpmpp_2m", "dpmpp_2m_karras"}),
        ({"interpolation_type": "log_linear"}, {"euler"}),
        ({"timestep_type": "continuous"}, {"euler"}),
        ({"final_sigmas_type": "other"}, {"euler", "dpmpp_2m", "dpmpp_2m_karras"}),
        ({"thresholding": True}, {"ddim", "dpmpp_2m", "dpmpp_2m_karras"}),
        ({"use_lu_lambdas": True}, {"dpmpp_2m", "dpmpp_2m_karras"}),
        ({"lambda_min_clipped": -5.1}, {"dpmpp_2m", "dpmpp_2m_karras"}),
        ({"prediction_type": "sample"}, {"euler_ancestral"}),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, {"ddim"}),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, set()),
    ],
    ids=str,
)
def test_what_cannot_run_a_schedule_is_left_out(options: dict[str, Any], missing: set[str]) -> None:
    assert set(build_samplers({**BETAS, **options})) == BETA_SAMPLERS - missing


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"prediction_type": "flow_prediction"}, "prediction_type"),
        ({"timestep_spacing": "other"}, "timestep_spacing"),
        ({"beta_schedule": "sigmoid"}, "scheduler"),
        ({"_class_name": "EDMEulerScheduler"}, "_class_name"),
        ({"_class_name": "LCMScheduler"}, "_class_name"),
    ],
    ids=str,
)
def test_a_schedule_that_none_can_run_is_refused_by_name(options: dict[str, Any], param: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        build_samplers({**BETAS, **options})
    assert refusal.value.param == param


def test_rows_at_different_places_do_not_touch_each_other() -> None:
    for sampler in every_sampler({"prediction_type": "v_prediction"}):
        plans = sampler.plan(8, area=AREA), sampler.plan(20, area=AREA)
        coefficients = torch.tensor([plans[0].coefficients[3], plans[1].coefficients[19]])
        latents, outputs, previous, noise = torch.randn(4, 2, 4, 2, 2)
        both = sampler.step(coefficients, latents, outputs, previous=previous, noise=noise)
        for i in range(2):
            row = slice(i, i + 1)
            alone = sampler.step(
                coefficients[row], latents[row], outputs[row], previous=previous[row], noise=noise[row]
            )
            assert torch.equal(both.latents[row], alone.latents)
            assert torch.equal(both.clean[row], alone.clean)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_step_count_up_to_the_limit_stays_inside_the_schedule(spacing: str) -> None:
    """diffusers' trailing spacing gives 62 timesteps for 61 steps, the last at -1."""
    for sampler in every_sampler({"timestep_spacing": spacing, "steps_offset": 1}):
        for steps in (*range(1, 64), 103, 121, sampler.max_steps):
            plan = sampler.plan(steps, area=AREA)
            assert len(plan.timesteps) == len(plan.coefficients) == len(plan.input_divisors) == steps
            assert len(plan.mixes) == steps + 1
            assert 0 <= min(plan.timesteps) <= max(plan.timesteps) <= (1000 if sampler.name == "flow_euler" else 999)
            assert torch.isfinite(torch.tensor(plan.coefficients)).all()


@pytest.mark.parametrize(("steps", "skip"), [(0, 0), (-1, 0), (1001, 0), (5, 5), (5, -1)])
def test_impossible_counts_are_refused(steps: int, skip: int) -> None:
    for sampler in every_sampler({}):
        with pytest.raises(InvalidInput) as refusal:
            sampler.plan(steps, skip=skip, area=AREA)
        assert refusal.value.param in ("steps", "skip")


def test_a_large_offset_never_leads_out_of_the_schedule() -> None:
    """diffusers asks the model for timestep 1001 here, or fails with an IndexError."""
    samplers = build_samplers({**BETAS, "timestep_spacing": "leading", "steps_offset": 3})
    for name in ("ddim", "euler", "euler_ancestral"):
        assert max(samplers[name].plan(997, area=AREA).timesteps) == 999
        with pytest.raises(InvalidInput) as refusal:
            samplers[name].plan(500, area=AREA)
        assert refusal.value.param == "steps"
