"""Euler steps below the next noise level, with fresh noise back up to it: `sample_euler_ancestral` of k-diffusion."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from gitex.errors import SettingsError
from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.plan import Mix, SamplingPlan, check_counts
from models.diffusion.samplers.protocol import Stepped, per_row


@dataclass(frozen=True)
class EulerAncestralSampler:
    """Equal to diffusers' `EulerAncestralDiscreteScheduler` step by step, given the same noise."""

    schedule: NoiseSchedule
    name: ClassVar[str] = "euler_ancestral"
    remembers: ClassVar[bool] = False
    draws_noise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.schedule.prediction == "sample":
            raise SettingsError(
                f"{self.name} does not know models that predict the clean latents", param="prediction_type"
            )

    @property
    def max_steps(self) -> int:
        return self.schedule.max_steps

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """Coefficients of a step: sigma here, the lower one it goes to, and that of the noise added then.

        Raises `InvalidInput`.
        """
        check_counts(steps, skip, self.max_steps)
        visited = self.schedule.timesteps(steps).astype(np.float32)
        sigma = self.schedule.interpolate(visited).astype(np.float32)
        largest = sigma.max()
        leading = self.schedule.spacing == "leading"
        return SamplingPlan(
            sampler=self.name,
            initial_scale=float(np.sqrt(largest**2 + 1) if leading else largest),
            timesteps=tuple(visited[skip:].tolist()),
            input_divisors=tuple(np.sqrt(sigma[skip:] ** 2 + 1).tolist()),
            coefficients=_make_coefficients(torch.from_numpy(np.append(sigma[skip:], np.float32(0)))),
            mixes=(*(Mix(1.0, level) for level in sigma[skip:].tolist()), Mix(1.0, 0.0)),
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
        """One step for every row at its own place: coefficients (rows, 3), the others (rows, channels, h, w)."""
        if noise is None:
            raise TypeError("an ancestral step needs noise")
        sigma, down, up = per_row(coefficients)
        if self.schedule.prediction == "epsilon":
            clean = latents - sigma * prediction
        else:
            power = sigma**2 + 1
            clean = prediction * (-sigma / power**0.5) + latents / power
        slope = (latents - clean) / sigma
        return Stepped(latents=latents + slope * (down - sigma) + noise * up, clean=clean)


def _make_coefficients(sigmas: Tensor) -> tuple[tuple[float, ...], ...]:
    """Sigmas of shape (steps + 1,), the last is zero."""
    here, after = sigmas[:-1], sigmas[1:]
    up = (after**2 * (here**2 - after**2) / here**2) ** 0.5
    # In exact numbers after**2 / here. The difference loses digits, but diffusers' pictures are made of that loss;
    # where it comes out below zero, theirs turn into NaN.
    down = (after**2 - up**2).clamp(min=0) ** 0.5
    return tuple(zip(here.tolist(), down.tolist(), up.tolist(), strict=True))
