"""DPM++ 2M and its Karras option against diffusers."""

from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from gitex.errors import InvalidInput
from models.diffusion.samplers.build import build_dpmpp_2m, build_dpmpp_2m_karras
from tests.unit.models.diffusion.stepwise import (
    AREA,
    BETAS,
    SPACINGS,
    assert_equal_step_by_step,
    assert_equals_peer,
    beta_configs,
    name_of,
)

# numpy 2 complains of the line in which the scheduler turns a tensor into an array.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize("config", beta_configs(), ids=name_of)
def test_dpmpp_2m_equals_diffusers(config: dict[str, Any]) -> None:
    assert_equals_peer(build_dpmpp_2m(config), DPMSolverMultistepScheduler.from_config(config))


@pytest.mark.parametrize(
    "config", [config for config in beta_configs() if config["timestep_spacing"] == "leading"], ids=name_of
)
def test_dpmpp_2m_karras_equals_diffusers(config: dict[str, Any]) -> None:
    peer = DPMSolverMultistepScheduler.from_config({**config, "use_karras_sigmas": True})
    assert_equals_peer(build_dpmpp_2m_karras(config), peer)


def test_karras_sigmas_do_not_depend_on_the_spacing() -> None:
    plans = []
    for spacing in SPACINGS:
        config = {**BETAS, "timestep_spacing": spacing}
        peer = DPMSolverMultistepScheduler.from_config({**config, "use_karras_sigmas": True})
        assert_equal_step_by_step(build_dpmpp_2m_karras(config), peer, 20)
        plans.append(build_dpmpp_2m_karras(config).plan(20, area=AREA))
    assert plans[0] == plans[1] == plans[2]


@pytest.mark.parametrize("karras", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"final_sigmas_type": "sigma_min"},
        {"final_sigmas_type": "sigma_min", "lower_order_final": False},
        {"final_sigmas_type": "sigma_min", "euler_at_final": True},
        {"lower_order_final": False},
        {"beta_schedule": "squaredcos_cap_v2"},
    ],
)
def test_the_folder_s_options_count(options: dict[str, Any], karras: bool) -> None:
    for spacing in SPACINGS:
        config = {**BETAS, "timestep_spacing": spacing, **options}
        peer = DPMSolverMultistepScheduler.from_config({**config, "use_karras_sigmas": karras})
        for steps in (1, 2, 14, 15, 20):
            assert_equal_step_by_step(build_dpmpp_2m(config, karras=karras), peer, steps)


def test_the_name_decides_the_solver_whatever_the_folder_prefers() -> None:
    """As DPM++ 2M is had in diffusers: `from_config` with these options."""
    config = {**BETAS, "algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "heun"}
    peer = DPMSolverMultistepScheduler.from_config(BETAS)
    assert_equal_step_by_step(build_dpmpp_2m(config), peer, 9)


@pytest.mark.parametrize(("spacing", "most"), [("leading", 998), ("linspace", 999), ("trailing", 1000)])
def test_more_steps_than_the_schedule_has_are_refused(spacing: str, most: int) -> None:
    """diffusers leaves the schedule there (timestep 1000) or visits a timestep twice, which divides by zero."""
    sampler = build_dpmpp_2m({**BETAS, "timestep_spacing": spacing, "steps_offset": 1})
    assert sampler.max_steps == most
    assert max(sampler.plan(most, area=AREA).timesteps) == 999
    with pytest.raises(InvalidInput) as refusal:
        sampler.plan(most + 1, area=AREA)
    assert refusal.value.param == "steps"


def test_it_remembers_and_a_first_step_is_of_first_order() -> None:
    sampler = build_dpmpp_2m(BETAS)
    assert sampler.remembers
    coefficients = torch.tensor([sampler.plan(20, skip=skip, area=AREA).coefficients[0] for skip in (0, 7, 19)])
    latents, prediction = torch.randn(3, 2, 2, 2), torch.randn(3, 2, 2, 2)
    one, other = (
        sampler.step(coefficients, latents, prediction, previous=previous, noise=None)
        for previous in (torch.zeros(3, 2, 2, 2), torch.full((3, 2, 2, 2), 9.0))
    )
    assert torch.equal(one.latents, other.latents)
    with pytest.raises(TypeError, match="previous"):
        sampler.step(coefficients, latents, prediction, previous=None, noise=None)
