"""Denoising diffusion implicit models without added noise (eta 0): Song et al., arXiv:2010.02502, formula 12."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gitex.errors import InvalidInput
from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.plan import SamplingPlan
from models.diffusion.samplers.protocol import Stepped, per_row


@dataclass(frozen=True)
class DdimSampler:
    """Equal to diffusers' `DDIMScheduler` step by step."""

    schedule: NoiseSchedule
    final_alpha: float
    """`alphas_cumprod` after the last step: 1, or that of timestep 0."""
    clip_range: float | None = None
    """Clip the predicted clean latents to plus and minus this; ruins latent models, right for pixel models."""
    name: str = "ddim"

    @property
    def max_steps(self) -> int:
        return self.schedule.max_steps

    def plan(self, steps: int) -> SamplingPlan:
        """Coefficients of a step: `alphas_cumprod` here, and after the step. Raises `InvalidInput`."""
        table = self.schedule.alphas_cumprod
        visited = np.round(self.schedule.timesteps(steps)).astype(np.int64)
        following = visited - self.schedule.length // steps
        alpha = table[visited]
        after = np.where(following >= 0, table[following], np.float32(self.final_alpha))
        if self.schedule.prediction == "epsilon" and not alpha.all():
            # Pure noise tells nothing of the picture: the formula divides by zero.
            raise InvalidInput(
                "this model predicts noise and its schedule starts from pure noise, which ddim cannot run; use euler",
                param="sampler",
            )
        return SamplingPlan(
            sampler=self.name,
            initial_scale=1.0,
            timesteps=tuple(visited.astype(float).tolist()),
            input_divisors=(1.0,) * steps,
            coefficients=tuple(zip(alpha.tolist(), after.tolist(), strict=True)),
        )

    def step(self, coefficients: Tensor, latents: Tensor, prediction: Tensor) -> Stepped:
        """One step for every row at its own place: coefficients (rows, 2), the others (rows, channels, h, w)."""
        alpha, after = per_row(coefficients)
        signal, spread = alpha**0.5, (1 - alpha) ** 0.5
        if self.schedule.prediction == "epsilon":
            clean, noise = (latents - spread * prediction) / signal, prediction
        else:
            clean, noise = signal * latents - spread * prediction, signal * prediction + spread * latents
        if self.clip_range is not None:
            clean = clean.clamp(-self.clip_range, self.clip_range)
        return Stepped(latents=after**0.5 * clean + (1 - after) ** 0.5 * noise, clean=clean)
