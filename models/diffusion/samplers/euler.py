"""Euler's method on the probability-flow ODE: Karras et al., arXiv:2206.00364, algorithm 2 without churn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.plan import Mix, SamplingPlan, check_counts
from models.diffusion.samplers.protocol import Stepped, per_row


@dataclass(frozen=True)
class EulerSampler:
    """Equal to diffusers' `EulerDiscreteScheduler` step by step."""

    schedule: NoiseSchedule
    ends_at_zero: bool = True
    """Whether the last step goes to sigma 0, or to that of timestep 0."""
    name: ClassVar[str] = "euler"
    remembers: ClassVar[bool] = False
    draws_noise: ClassVar[bool] = False

    @property
    def max_steps(self) -> int:
        return self.schedule.max_steps

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """Coefficients of a step: sigma here, and after the step. Raises `InvalidInput`."""
        check_counts(steps, skip, self.max_steps)
        visited = self.schedule.timesteps(steps).astype(np.float32)
        sigma = self.schedule.interpolate(visited).astype(np.float32)
        after = np.append(sigma[1:], np.float32(0) if self.ends_at_zero else self.schedule.sigmas[0])
        largest = sigma.max()
        leading = self.schedule.spacing == "leading"
        return SamplingPlan(
            sampler=self.name,
            initial_scale=float(np.sqrt(largest**2 + 1) if leading else largest),
            timesteps=tuple(visited[skip:].tolist()),
            input_divisors=tuple(np.sqrt(sigma[skip:] ** 2 + 1).tolist()),
            coefficients=tuple(zip(sigma[skip:].tolist(), after[skip:].tolist(), strict=True)),
            mixes=(*(Mix(1.0, noise) for noise in sigma[skip:].tolist()), Mix(1.0, 0.0)),
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
        """One step for every row at its own place: coefficients (rows, 2), the others (rows, channels, h, w)."""
        sigma, after = per_row(coefficients)
        if self.schedule.prediction == "epsilon":
            clean = latents - sigma * prediction
        elif self.schedule.prediction == "v_prediction":
            power = sigma**2 + 1
            clean = prediction * (-sigma / power**0.5) + latents / power
        else:
            clean = prediction
        slope = (latents - clean) / sigma
        return Stepped(latents=latents + slope * (after - sigma), clean=clean)
