"""Denoising diffusion implicit models without added noise (eta 0): Song et al., arXiv:2010.02502, formula 12."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from gitex.errors import InvalidInput, SettingsError
from models.diffusion.samplers.noise_schedule import NoiseSchedule
from models.diffusion.samplers.plan import Mix, SamplingPlan, check_counts
from models.diffusion.samplers.protocol import Stepped, per_row


@dataclass(frozen=True)
class DdimSampler:
    """Equal to diffusers' `DDIMScheduler` step by step."""

    schedule: NoiseSchedule
    final_alpha: float
    """`alphas_cumprod` after the last step: 1, or that of timestep 0."""
    clip_range: float | None = None
    """Clip the predicted clean latents to plus and minus this; ruins latent models, right for pixel models."""
    name: ClassVar[str] = "ddim"
    remembers: ClassVar[bool] = False
    draws_noise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self._divides_by_zero_at_the_end and self.schedule.spacing != "leading":
            raise SettingsError(
                "ddim cannot start from pure noise with a model that predicts noise", param="rescale_betas_zero_snr"
            )

    @property
    def max_steps(self) -> int:
        return self.schedule.max_steps

    @property
    def _divides_by_zero_at_the_end(self) -> bool:
        # Pure noise tells nothing of the picture: the formula for the clean latents divides by zero signal.
        return self.schedule.prediction == "epsilon" and not self.schedule.alphas_cumprod[-1]

    def plan(self, steps: int, *, skip: int = 0, area: int) -> SamplingPlan:
        """Coefficients of a step: `alphas_cumprod` here, and after the step. Raises `InvalidInput`."""
        check_counts(steps, skip, self.max_steps)
        table = self.schedule.alphas_cumprod
        visited = np.round(self.schedule.timesteps(steps)).astype(np.int64)[skip:]
        following = visited - self.schedule.length // steps
        alpha = table[visited]
        after = np.where(following >= 0, table[following], np.float32(self.final_alpha))
        if self._divides_by_zero_at_the_end and not alpha[0]:
            raise InvalidInput(
                f"this model predicts noise, and {steps} steps of ddim start from pure noise; use another sampler",
                param="sampler",
            )
        levels = zip(np.sqrt(alpha).tolist(), np.sqrt(1 - alpha).tolist(), strict=True)
        return SamplingPlan(
            sampler=self.name,
            initial_scale=1.0,
            timesteps=tuple(visited.astype(float).tolist()),
            input_divisors=(1.0,) * len(visited),
            coefficients=tuple(zip(alpha.tolist(), after.tolist(), strict=True)),
            mixes=(*(Mix(signal, noise) for signal, noise in levels), Mix(1.0, 0.0)),
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
        alpha, after = per_row(coefficients)
        signal, spread = alpha**0.5, (1 - alpha) ** 0.5
        if self.schedule.prediction == "epsilon":
            clean, direction = (latents - spread * prediction) / signal, prediction
        elif self.schedule.prediction == "v_prediction":
            clean, direction = signal * latents - spread * prediction, signal * prediction + spread * latents
        else:
            clean, direction = prediction, (latents - signal * prediction) / spread
        if self.clip_range is not None:
            clean = clean.clamp(-self.clip_range, self.clip_range)
        return Stepped(latents=after**0.5 * clean + (1 - after) ** 0.5 * direction, clean=clean)
