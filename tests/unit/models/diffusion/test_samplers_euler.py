"""Euler and Euler ancestral against diffusers."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler

from gitex.errors import SettingsError
from models.diffusion.samplers.build import build_euler, build_euler_ancestral
from tests.unit.models.diffusion.stepwise import (
    AREA,
    BETAS,
    SPACINGS,
    assert_equal_step_by_step,
    assert_equals_peer,
    beta_configs,
    name_of,
)

# numpy 2 complains of the line in which both schedulers turn a tensor into an array.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize("config", beta_configs(), ids=name_of)
def test_euler_equals_diffusers(config: dict[str, Any]) -> None:
    assert_equals_peer(build_euler(config), EulerDiscreteScheduler.from_config(config))


def test_euler_can_end_at_the_smallest_trained_noise() -> None:
    config = {**BETAS, "final_sigmas_type": "sigma_min"}
    assert_equal_step_by_step(build_euler(config), EulerDiscreteScheduler.from_config(config), 7)


@pytest.mark.parametrize(
    "config", [config for config in beta_configs() if config["prediction_type"] != "sample"], ids=name_of
)
def test_euler_ancestral_equals_diffusers(config: dict[str, Any]) -> None:
    assert_equals_peer(build_euler_ancestral(config), EulerAncestralDiscreteScheduler.from_config(config))


def test_euler_ancestral_does_not_know_models_that_predict_the_clean_latents() -> None:
    """diffusers raises NotImplementedError in the first step."""
    with pytest.raises(SettingsError) as refusal:
        build_euler_ancestral({**BETAS, "prediction_type": "sample"})
    assert refusal.value.param == "prediction_type"


@pytest.mark.parametrize("betas", [BETAS, {"beta_schedule": "squaredcos_cap_v2"}], ids=str)
def test_euler_ancestral_is_finite_everywhere_and_adds_no_noise_at_the_end(betas: dict[str, Any]) -> None:
    """diffusers takes the root of a number below zero for squared cosine betas in 3 trailing or 4 linspace steps."""
    for spacing, zero in product(SPACINGS, (False, True)):
        config = {**betas, "timestep_spacing": spacing, "rescale_betas_zero_snr": zero, "steps_offset": 1}
        sampler = build_euler_ancestral(config)
        for steps in range(1, 65):
            coefficients = torch.tensor(sampler.plan(steps, area=AREA).coefficients)
            assert torch.isfinite(coefficients).all()
            sigma, down, up = coefficients[-1].tolist()
            assert sigma > 0
            assert down == up == 0


def test_only_the_ancestral_one_asks_for_noise() -> None:
    assert build_euler_ancestral(BETAS).draws_noise
    assert not build_euler(BETAS).draws_noise
    with pytest.raises(TypeError, match="noise"):
        build_euler_ancestral(BETAS).step(
            torch.ones(1, 3), torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), previous=None, noise=None
        )


def test_the_initial_scale_is_that_of_the_whole_schedule_also_when_a_part_is_skipped() -> None:
    sampler = build_euler(BETAS)
    whole, part = sampler.plan(10, area=AREA), sampler.plan(10, skip=7, area=AREA)
    assert part.initial_scale == whole.initial_scale
    assert part.mixes == whole.mixes[7:]
    assert math.isclose(part.mixes[0].noise, part.coefficients[0][0])
