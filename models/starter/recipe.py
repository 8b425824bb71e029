"""How `starter-diffusion` is trained."""

from dataclasses import dataclass, replace
from typing import NamedTuple


class Round(NamedTuple):
    """One round of a training."""

    steps: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The defaults are what the shipped weights were trained with."""

    seed: int = 20261122
    pictures: int = 8_000
    autoencoder_steps: int = 1_600
    decoder_steps: int = 400
    denoiser_rounds: tuple[Round, ...] = (Round(2_200, 1e-3), Round(800, 7e-4))
    """Every round warms up and decays anew, from the averaged weights of the one before."""
    batch: int = 40
    empty_captions: float = 0.1
    sheet_every: int = 300

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(
            self,
            autoencoder_steps=max(1, round(self.autoencoder_steps * factor)),
            decoder_steps=max(1, round(self.decoder_steps * factor)),
            denoiser_rounds=tuple(r._replace(steps=max(1, round(r.steps * factor))) for r in self.denoiser_rounds),
        )
