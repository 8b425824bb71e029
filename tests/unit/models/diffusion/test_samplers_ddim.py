"""DDIM against diffusers."""

from typing import Any

import pytest
from diffusers import DDIMScheduler

from gitex.errors import InvalidInput, SettingsError
from models.diffusion.samplers.build import build_ddim
from tests.unit.models.diffusion.stepwise import (
    AREA,
    BETAS,
    SPACINGS,
    assert_equal_step_by_step,
    assert_equals_peer,
    beta_configs,
    name_of,
)


def divides_by_zero(config: dict[str, Any]) -> bool:
    """Pure noise tells a model that predicts noise nothing of the picture: diffusers' formula gives NaN there."""
    starts_from_pure_noise = config["rescale_betas_zero_snr"] and config["timestep_spacing"] != "leading"
    return starts_from_pure_noise and config["prediction_type"] == "epsilon"


@pytest.mark.parametrize("config", [config for config in beta_configs() if not divides_by_zero(config)], ids=name_of)
def test_ddim_equals_diffusers(config: dict[str, Any]) -> None:
    sampler = build_ddim(config)
    if config["rescale_betas_zero_snr"] and config["prediction_type"] == "epsilon" and config["steps_offset"]:
        with pytest.raises(InvalidInput, match="another sampler"):
            sampler.plan(999, area=AREA)
        for steps in (1, 15, 61):
            assert_equal_step_by_step(sampler, DDIMScheduler.from_config(config), steps)
    else:
        assert_equals_peer(sampler, DDIMScheduler.from_config(config))


@pytest.mark.parametrize("config", [config for config in beta_configs() if divides_by_zero(config)], ids=name_of)
def test_ddim_refuses_to_divide_by_zero_signal(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refusal:
        build_ddim(config)
    assert refusal.value.param == "rescale_betas_zero_snr"


@pytest.mark.parametrize("to_one", [True, False])
def test_the_last_step_goes_where_the_folder_says(to_one: bool) -> None:
    for spacing in SPACINGS:
        config = {**BETAS, "timestep_spacing": spacing, "set_alpha_to_one": to_one, "clip_sample": False}
        assert_equal_step_by_step(build_ddim(config), DDIMScheduler.from_config(config), 20)


def test_clipping_is_done_only_where_the_folder_asks_for_it() -> None:
    clipping = {**BETAS, "clip_sample": True, "clip_sample_range": 0.5}
    assert_equal_step_by_step(build_ddim(clipping), DDIMScheduler.from_config(clipping), 5)
    assert build_ddim(clipping).clip_range == 0.5
    assert DDIMScheduler.from_config(BETAS).config.clip_sample
    assert build_ddim(BETAS).clip_range is None
