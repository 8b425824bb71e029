"""The noise that a model was trained with, and which of its timesteps a sampler visits."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gitex.errors import SettingsError

Floats = NDArray[np.float32]
Prediction = Literal["epsilon", "v_prediction"]
Spacing = Literal["leading", "linspace", "trailing"]


@dataclass(frozen=True)
class NoiseSchedule:
    """`alphas_cumprod` (one float32 for each training timestep) and how to read the model's output."""

    alphas_cumprod: Floats
    prediction: Prediction
    spacing: Spacing
    steps_offset: int

    def __post_init__(self) -> None:
        if self.prediction not in get_args(Prediction):
            raise SettingsError(f"prediction type {self.prediction!r} is not supported", param="prediction_type")
        if self.spacing not in get_args(Spacing):
            raise SettingsError(f"timestep spacing {self.spacing!r} is not supported", param="timestep_spacing")

    @property
    def length(self) -> int:
        """Training timesteps."""
        return len(self.alphas_cumprod)

    @property
    def max_steps(self) -> int:
        """The most steps that stay inside the schedule, whatever the spacing."""
        return self.length - self.steps_offset

    def timesteps(self, steps: int) -> NDArray[np.float64]:
        """Timesteps from noisy to clean, shape (steps,); table 2 of arXiv:2305.08891.

        For some counts (61, 103, 121, ...) diffusers' trailing spacing rounds to one timestep too many, at -1, where
        no model was trained and its picture breaks; here there are always exactly `steps`.
        """
        if self.spacing == "linspace":
            return np.linspace(0, self.length - 1, steps)[::-1]
        if self.spacing == "leading":
            return (np.arange(steps) * (self.length // steps))[::-1].astype(np.float64) + self.steps_offset
        return np.round(np.arange(self.length, 0, -self.length / steps))[:steps] - 1
