"""What the step loop asks of a sampler."""

from typing import NamedTuple, Protocol

from torch import Tensor

from models.diffusion.samplers.plan import SamplingPlan


class Stepped(NamedTuple):
    """The outcome of one step, both of shape (rows, channels, height, width)."""

    latents: Tensor
    clean: Tensor
    """The clean latents predicted at this step: what a preview shows."""


class Sampler(Protocol):
    """Plans a request's steps once, then advances any rows, each at its own place of its own plan."""

    @property
    def name(self) -> str: ...

    @property
    def max_steps(self) -> int:
        """The most steps that the model's noise schedule allows."""

    def plan(self, steps: int) -> SamplingPlan:
        """Raises `InvalidInput` if the model's noise schedule does not allow it."""

    def step(self, coefficients: Tensor, latents: Tensor, prediction: Tensor) -> Stepped:
        """All in float32: coefficients (rows, values), latents and the denoiser's prediction (rows, c, h, w)."""


def per_row(coefficients: Tensor) -> tuple[Tensor, ...]:
    """Columns of (rows, values), each of shape (rows, 1, 1, 1) to multiply latents with."""
    return coefficients[:, :, None, None, None].unbind(1)
