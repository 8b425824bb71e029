"""What the step loop asks of a sampler."""

from typing import NamedTuple, Protocol

from torch import Tensor

from models.diffusion.samplers.plan import SamplingPlan


class Stepped(NamedTuple):
    """The outcome of one step, both of shape (rows, channels, height, width)."""

    latents: Tensor
    clean: Tensor
    """The clean latents predicted at this step: what a preview shows, and what a multistep solver remembers."""


class Sampler(Protocol):
    """Plans a request's steps once, then advances any rows, each at its own place of its own plan."""

    @property
    def name(self) -> str: ...

    @property
    def max_steps(self) -> int:
        """The most steps that the model's noise schedule allows."""

    @property
    def remembers(self) -> bool:
        """A multistep solver: `step` wants the clean latents that the previous step predicted."""

    @property
    def draws_noise(self) -> bool:
        """An ancestral solver: `step` wants fresh standard normal noise, at every step, the last one included."""

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """The last `steps - skip` of a schedule of `steps`.

        Image-to-image by strength skips `steps - min(int(steps * strength), steps)`. A multistep solver starts afresh
        at `skip`. `area`: latent pixels, height times width; only schedules that shift with the picture's size read it.
        Raises `InvalidInput` unless 1 <= steps <= max_steps and 0 <= skip < steps, and if a visited timestep is one
        that the model or the solver cannot run.
        """

    def step(
        self,
        coefficients: Tensor,
        latents: Tensor,
        prediction: Tensor,
        *,
        previous: Tensor | None,
        noise: Tensor | None,
    ) -> Stepped:
        """One step for every row at its own place of its own plan, all in float32.

        `coefficients` is (rows, values), all others (rows, channels, height, width). `previous` is given if the sampler
        remembers, zeros for rows at their first step; `noise` if it draws noise. `TypeError` if they are missing.
        """


def per_row(coefficients: Tensor) -> tuple[Tensor, ...]:
    """Columns of (rows, values), each of shape (rows, 1, 1, 1) to multiply latents with."""
    return coefficients[:, :, None, None, None].unbind(1)
