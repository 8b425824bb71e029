"""Euler's method on the probability-flow ODE: Karras et al., arXiv:2206.00364, algorithm 2 without churn."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.diffusion.samplers.noise_schedule import Floats, NoiseSchedule
from models.diffusion.samplers.plan import SamplingPlan
from models.diffusion.samplers.protocol import Stepped, per_row


@dataclass(frozen=True)
class EulerSampler:
    """Equal to diffusers' `EulerDiscreteScheduler` step by step.

    The schedule's last `alphas_cumprod` must not be zero: diffusers puts 2**-24 there, which makes sigma 4096.
    """

    schedule: NoiseSchedule
    ends_at_zero: bool = True
    """Whether the last step goes to sigma 0, or to that of timestep 0."""
    name: str = "euler"

    @property
    def max_steps(self) -> int:
        return self.schedule.max_steps

    def plan(self, steps: int) -> SamplingPlan:
        """Coefficients of a step: sigma here, and after the step."""
        table = _sigmas(self.schedule.alphas_cumprod)
        visited = self.schedule.timesteps(steps).astype(np.float32)
        sigma = np.interp(visited, np.arange(len(table)), table).astype(np.float32)
        last = np.float32(0) if self.ends_at_zero else table[0]
        after = np.append(sigma[1:], last)
        largest = sigma.max()
        leading = self.schedule.spacing == "leading"
        return SamplingPlan(
            sampler=self.name,
            initial_scale=float(np.sqrt(largest**2 + 1) if leading else largest),
            timesteps=tuple(visited.tolist()),
            input_divisors=tuple(np.sqrt(sigma**2 + 1).tolist()),
            coefficients=tuple(zip(sigma.tolist(), after.tolist(), strict=True)),
        )

    def step(self, coefficients: Tensor, latents: Tensor, prediction: Tensor) -> Stepped:
        """One step for every row at its own place: coefficients (rows, 2), the others (rows, channels, h, w)."""
        sigma, after = per_row(coefficients)
        if self.schedule.prediction == "epsilon":
            clean = latents - sigma * prediction
        else:
            power = sigma**2 + 1
            clean = prediction * (-sigma / power**0.5) + latents / power
        slope = (latents - clean) / sigma
        return Stepped(latents=latents + slope * (after - sigma), clean=clean)


def _sigmas(alphas_cumprod: Floats) -> Floats:
    # In torch as diffusers does it: numpy's root of the largest one rounds the other way, and a step from there
    # subtracts numbers of that size.
    alphas = torch.from_numpy(alphas_cumprod)
    sigmas: Floats = (((1 - alphas) / alphas) ** 0.5).numpy()
    return sigmas
