"""Flow-match Euler against diffusers, with the sigmas and the shift that its pipelines pass."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift

from gitex.errors import SettingsError
from models.diffusion.samplers.build import build_flow_euler, build_samplers
from models.diffusion.samplers.flow_euler import FlowSpacing
from tests.unit.models.diffusion.stepwise import MANY_STEPS, STEPS, assert_equal_step_by_step

DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}
CONFIGS: tuple[dict[str, Any], ...] = (
    {},
    {"shift": 3.0},
    DYNAMIC,
    {**DYNAMIC, "shift": 3.0, "time_shift_type": "linear"},
    {**DYNAMIC, "base_image_seq_len": 16, "max_image_seq_len": 90, "max_shift": 0.9},
    {"shift": 3.0, "shift_terminal": 0.1},
    {**DYNAMIC, "shift_terminal": 0.02},
)
AREAS = (64, 16384)


@pytest.mark.parametrize("spacing", ["linspace", "trailing"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_flow_euler_equals_diffusers(config: dict[str, Any], spacing: FlowSpacing) -> None:
    sampler = build_flow_euler(config, spacing)
    peer = FlowMatchEulerDiscreteScheduler.from_config(config)
    for area, steps in product(AREAS, (*STEPS, MANY_STEPS) if config == DYNAMIC else STEPS):
        if steps == 1 and "shift_terminal" in config:
            continue  # the peer divides zero by zero
        timetable = pipeline_s_timetable(peer, steps, area, spacing)
        assert_equal_step_by_step(sampler, peer, steps, 0, area, **timetable)
        if steps >= 3:
            assert_equal_step_by_step(sampler, peer, steps, 2 * steps // 3, area, **timetable)


def pipeline_s_timetable(peer: Any, steps: int, area: int, spacing: FlowSpacing) -> dict[str, Any]:
    """As the Flux pipelines ("trailing": own sigmas) and the Stable Diffusion 3 pipelines call `set_timesteps`."""
    config = peer.config
    limits = (config.base_image_seq_len, config.max_image_seq_len, config.base_shift, config.max_shift)
    mu = {"mu": calculate_shift(area // 4, *limits)} if config.use_dynamic_shifting else {}
    return {**mu, "sigmas": np.linspace(1.0, 1 / steps, steps)} if spacing == "trailing" else mu


def test_one_step_cannot_end_at_a_terminal_and_starts_from_pure_noise() -> None:
    """diffusers divides zero by zero there."""
    for spacing in ("linspace", "trailing"):
        plan = build_flow_euler({"shift_terminal": 0.1}, spacing).plan(1, area=64)
        assert plan.timesteps == (1000.0,)
        assert plan.coefficients == ((1.0, 0.0),)


def test_a_flow_folder_offers_flow_euler_only(tmp_path: Path) -> None:
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(tmp_path)
    made, loaded = FlowMatchEulerDiscreteScheduler(shift=3.0), FlowMatchEulerDiscreteScheduler.from_pretrained(tmp_path)
    for config in (made.config, loaded.config):
        samplers = build_samplers(config)
        assert list(samplers) == ["flow_euler"]
        assert samplers["flow_euler"].plan(4, area=64) == build_flow_euler(config, "linspace").plan(4, area=64)
        flux_like = build_samplers(config, flow_spacing="trailing")["flow_euler"].plan(4, area=64)
        assert flux_like == build_flow_euler(config, "trailing").plan(4, area=64)
        assert flux_like != samplers["flow_euler"].plan(4, area=64)


@pytest.mark.parametrize(
    "option", ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "invert_sigmas", "stochastic_sampling"]
)
def test_options_that_would_change_the_result_are_refused_by_name(option: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        build_samplers({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, option: True})
    assert refusal.value.param == option
