"""DPM-Solver++(2M), the midpoint variant: Lu et al., arXiv:2211.01095, algorithm 2."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.plan import Mix, SamplingPlan, check_counts
from models.diffusion.samplers.protocol import Stepped, per_row

_KARRAS_RHO = 7.0
_FEW_STEPS = 15
"""Below this many steps `lower_order_final` counts."""


@dataclass(frozen=True)
class Dpmpp2mSampler:
    """Equal to diffusers' `DPMSolverMultistepScheduler` of order 2 step by step."""

    schedule: NoiseSchedule
    karras: bool
    """Sigmas spaced as in formula 5 of arXiv:2206.00364, and not by the timesteps."""
    rounds_timesteps: bool = True
    """Whether Karras sigmas are told to the denoiser as the nearest timestep, or as the one below."""
    ends_at_zero: bool = True
    """Whether the last step goes to sigma 0, or to that of timestep 0."""
    euler_at_final: bool = False
    lower_order_final: bool = True
    remembers: ClassVar[bool] = True
    draws_noise: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return "dpmpp_2m_karras" if self.karras else "dpmpp_2m"

    @property
    def max_steps(self) -> int:
        # Unlike the others, linspace and leading count the clean end as a timestep of its own.
        own_end = self.schedule.spacing != "trailing" and not self.karras
        return self.schedule.max_steps - 1 if own_end else self.schedule.length

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """Coefficients of a step: see `_make_coefficients`. Raises `InvalidInput`."""
        check_counts(steps, skip, self.max_steps)
        visited, sigma = self._karras_spaced(steps) if self.karras else self._evenly_spaced(steps)
        end = 0 if self.ends_at_zero else self.schedule.sigmas[0]
        ends_first_order = self.ends_at_zero or self.euler_at_final or (self.lower_order_final and steps < _FEW_STEPS)
        sigmas = torch.from_numpy(np.append(sigma, end).astype(np.float32)[skip:])
        coefficients = _make_coefficients(sigmas, ends_first_order)
        return SamplingPlan(
            sampler=self.name,
            initial_scale=1.0,
            timesteps=tuple(visited.astype(float)[skip:].tolist()),
            input_divisors=(1.0,) * (steps - skip),
            coefficients=tuple(tuple(row) for row in coefficients.tolist()),
            mixes=(*(Mix(signal, spread) for signal, spread, *_ in coefficients.tolist()), Mix(1.0, 0.0)),
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
        """One step for every row at its own place: coefficients (rows, 5), the others (rows, channels, h, w)."""
        if previous is None:
            raise TypeError("a multistep solver needs the previous step's clean latents")
        signal, spread, carry, pull, turn = per_row(coefficients)
        if self.schedule.prediction == "epsilon":
            clean = (latents - spread * prediction) / signal
        elif self.schedule.prediction == "v_prediction":
            clean = signal * latents - spread * prediction
        else:
            clean = prediction
        return Stepped(latents=carry * latents + pull * clean + turn * (clean - previous), clean=clean)

    def _evenly_spaced(self, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Timesteps and sigmas, from noisy to clean."""
        length = self.schedule.length
        if self.schedule.spacing == "linspace":
            visited = np.linspace(0, length - 1, steps + 1).round()[:0:-1]
        elif self.schedule.spacing == "leading":
            visited = (np.arange(steps, 0, -1) * (length // (steps + 1))).astype(float) + self.schedule.steps_offset
            visited = self.schedule.inside(visited)
        else:
            visited = self.schedule.timesteps(steps)
        return visited.astype(np.int64), self.schedule.interpolate(visited)

    def _karras_spaced(self, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Timesteps and sigmas, from noisy to clean."""
        table = self.schedule.sigmas
        smallest, largest = (float(table[i]) ** (1 / _KARRAS_RHO) for i in (0, -1))
        sigma = (largest + np.linspace(0, 1, steps) * (smallest - largest)) ** _KARRAS_RHO
        visited = np.interp(np.log(sigma), np.log(table), np.arange(len(table)))
        return (visited.round() if self.rounds_timesteps else visited).astype(np.int64), sigma


def _make_coefficients(sigmas: Tensor, ends_first_order: bool) -> Tensor:
    """Of shape (steps, 5) from sigmas of shape (steps + 1,), the last may be zero.

    Signal and noise before the step, then what the latents, the clean latents, and their change since the previous step
    are multiplied with. The change counts for nothing in a first-order step, which the first step always is.
    """
    signal = 1 / (sigmas**2 + 1) ** 0.5
    spread = sigmas * signal
    log_snr = signal.log() - spread.log()
    stride = log_snr.diff()
    pull = -(signal[1:] * ((-stride).exp() - 1))
    turn = torch.zeros_like(pull)
    turn[1:] = 0.5 * pull[1:] * stride[1:] / stride[:-1]
    if ends_first_order:
        turn[-1] = 0
    return torch.stack([signal[:-1], spread[:-1], spread[1:] / spread[:-1], pull, turn], dim=1)
