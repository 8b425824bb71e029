"""The part of sampling that is known before the first step."""

from dataclasses import dataclass
from typing import NamedTuple

from gitex.errors import InvalidInput


class Mix(NamedTuple):
    """What a clean latent becomes on its way to noise: `signal * clean + noise * standard normal noise`."""

    signal: float
    noise: float


@dataclass(frozen=True)
class SamplingPlan:
    """One request's way from noise to picture, as plain numbers (each a float32 value)."""

    sampler: str
    initial_scale: float
    """Standard deviation of the pure noise that a text-to-image start begins with."""
    timesteps: tuple[float, ...]
    """What the denoiser is told at each step."""
    input_divisors: tuple[float, ...]
    """What the latents are divided by before each forward pass."""
    coefficients: tuple[tuple[float, ...], ...]
    """Each step's own values; only the sampler that made the plan knows their meaning."""
    mixes: tuple[Mix, ...]
    """The noise level before each step and after the last one: `len(timesteps) + 1`, the last is `Mix(1, 0)`."""


def check_counts(steps: int, skip: int, max_steps: int) -> None:
    """Raises `InvalidInput` unless 1 <= steps <= max_steps and 0 <= skip < steps."""
    if not 1 <= steps <= max_steps:
        raise InvalidInput(f"the model's noise schedule allows 1 to {max_steps} steps, not {steps}", param="steps")
    if not 0 <= skip < steps:
        raise InvalidInput(f"{skip} of {steps} steps cannot be skipped", param="skip")
