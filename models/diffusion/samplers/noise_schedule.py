"""The noise that a model was trained with, and which of its timesteps a sampler visits."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gitex.errors import InvalidInput, SettingsError

Floats = NDArray[np.float32]
Prediction = Literal["epsilon", "v_prediction", "sample"]
Spacing = Literal["leading", "linspace", "trailing"]


@dataclass(frozen=True)
class NoiseSchedule:
    """`alphas_cumprod` (one float32 for each training timestep) and how to read the model's output.

    For all samplers but DDIM the last of them must not be zero: diffusers puts 2**-24 there, which makes sigma 4096.
    """

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
        """The most steps that stay inside the schedule."""
        return self.length - (self.steps_offset if self.spacing == "leading" else 0)

    @property
    def sigmas(self) -> Floats:
        """Noise for each unit of signal at every training timestep, as arXiv:2206.00364 counts it."""
        # In torch as diffusers does it: numpy's root of the largest one rounds the other way, and a step from there
        # subtracts numbers of that size.
        alphas = torch.from_numpy(self.alphas_cumprod)
        sigmas: Floats = (((1 - alphas) / alphas) ** 0.5).numpy()
        return sigmas

    def timesteps(self, steps: int) -> NDArray[np.float64]:
        """Timesteps from noisy to clean, shape (steps,); table 2 of arXiv:2305.08891. Raises `InvalidInput`.

        For some counts (61, 103, 121, ...) diffusers' trailing spacing rounds to one timestep too many, at -1, where
        no model was trained and its picture breaks; here there are always exactly `steps`.
        """
        if self.spacing == "linspace":
            return np.linspace(0, self.length - 1, steps)[::-1]
        if self.spacing == "leading":
            return self.inside((np.arange(steps) * (self.length // steps))[::-1].astype(np.float64) + self.steps_offset)
        return np.round(np.arange(self.length, 0, -self.length / steps))[:steps] - 1

    def inside(self, timesteps: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same, or `InvalidInput` where `steps_offset` pushes the first one over the end of the schedule."""
        if timesteps[0] >= self.length:
            raise InvalidInput(
                f"{len(timesteps)} steps start at timestep {timesteps[0]:.0f}, which the model has not", param="steps"
            )
        return timesteps

    def interpolate(self, timesteps: NDArray[Any]) -> NDArray[np.float64]:
        """Sigmas at timesteps that may lie between two trained ones."""
        table = self.sigmas
        return np.interp(timesteps, np.arange(len(table)), table)
