"""The part of sampling that is known before the first step."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SamplingPlan:
    """One request's way from noise to picture, as plain numbers (each a float32 value)."""

    sampler: str
    initial_scale: float
    """Standard deviation of the noise that the first step starts from."""
    timesteps: tuple[float, ...]
    """What the denoiser is told at each step."""
    input_divisors: tuple[float, ...]
    """What the latents are divided by before each forward pass."""
    coefficients: tuple[tuple[float, ...], ...]
    """Each step's own values; only the sampler that made the plan knows their meaning."""
