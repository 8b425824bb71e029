"""Euler's method for flow matching: Esser et al., arXiv:2403.03206, with the timestep shift of section 5.3.2."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.diffusion.samplers.plan import Mix, SamplingPlan, check_counts
from models.diffusion.samplers.protocol import Stepped, per_row

FlowSpacing = Literal["linspace", "trailing"]
_PATCH_AREA = 4
"""Latent pixels in a token of the picture's sequence."""


@dataclass(frozen=True)
class DynamicShift:
    """A shift that grows with the length of the picture's token sequence: `calculate_shift` of diffusers' pipelines."""

    base_length: int
    max_length: int
    base_shift: float
    max_shift: float
    exponential: bool

    def at(self, area: int) -> float:
        """The shift for this many latent pixels."""
        slope = (self.max_shift - self.base_shift) / (self.max_length - self.base_length)
        mu = self.base_shift + slope * (area // _PATCH_AREA - self.base_length)
        return math.exp(mu) if self.exponential else mu


@dataclass(frozen=True)
class FlowEulerSampler:
    """Equal to diffusers' `FlowMatchEulerDiscreteScheduler` step by step, called as its pipelines call it."""

    length: int
    """Training timesteps."""
    spacing: FlowSpacing
    """Sigmas before the shift go down evenly from `largest` to `smallest` as the Stable Diffusion 3 pipelines want
    them ("linspace"), or from 1 to 1 / steps as those of Flux ("trailing")."""
    smallest: float
    largest: float
    shift: float | DynamicShift
    terminal: float | None = None
    """Stretch the sigmas so that the last step starts from this one."""
    name: ClassVar[str] = "flow_euler"
    remembers: ClassVar[bool] = False
    draws_noise: ClassVar[bool] = False

    @property
    def max_steps(self) -> int:
        return self.length

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """Coefficients of a step: sigma here, and after the step. Raises `InvalidInput`."""
        check_counts(steps, skip, self.max_steps)
        sigma = self._sigmas(steps, area).astype(np.float32)[skip:]
        after = np.append(sigma[1:], np.float32(0))
        return SamplingPlan(
            sampler=self.name,
            initial_scale=1.0,
            timesteps=tuple((sigma * np.float32(self.length)).tolist()),
            input_divisors=(1.0,) * len(sigma),
            coefficients=tuple(zip(sigma.tolist(), after.tolist(), strict=True)),
            mixes=(*map(Mix, (1 - sigma).tolist(), sigma.tolist()), Mix(1.0, 0.0)),
        )

    def step(
        self,
        coefficients: Tensor,
        latents: Tensor,
        prediction: Tensor,
        *,
        previous: Tensor | None,
        noise: Tensor | None,
    ) -> Stepped:
        """One step for every row at its own place: coefficients (rows, 2), the others (rows, channels, h, w).

        The prediction is the velocity from the clean latents to the noise.
        """
        sigma, after = per_row(coefficients)
        return Stepped(latents=latents + (after - sigma) * prediction, clean=latents - sigma * prediction)

    def _sigmas(self, steps: int, area: int) -> NDArray[np.float64]:
        ends = (1.0, 1 / steps) if self.spacing == "trailing" else (self.largest, self.smallest)
        even = np.linspace(*ends, steps)
        shift = self.shift.at(area) if isinstance(self.shift, DynamicShift) else self.shift
        shifted: NDArray[np.float64] = shift * even / (1 + (shift - 1) * even)
        # One step starts from pure noise and cannot be stretched (diffusers divides zero by zero).
        if self.terminal is None or steps == 1:
            return shifted
        return 1 - (1 - shifted) * (1 - self.terminal) / (1 - shifted[-1])
