"""How `starter-diffusion` is trained."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The defaults are what the shipped weights were trained with."""

    seed: int = 20261122
    emblems: int = 6_000
    postcards: int = 6_000
    autoencoder_steps: int = 4_500
    """Steps of 16 crops of 64x64."""
    decoder_rounds: tuple[int, ...] = (3_000, 1_600)
    """Steps of each round."""
    text_steps: int = 700
    text_batch: int = 96
    denoiser_steps: int = 10_500
    first_version_at: int = 4_000
    """The averaged weights after so many of the denoiser's steps are version 1."""
    hard_emblems: int = 14_000
    hard_postcards: int = 14_000
    refining_steps: int = 9_000
    """Steps on the hard pictures, from the denoiser's end; the averaged weights after them are version 2."""
    learning_rate: float = 1e-3
    batch: int = 32
    empty_captions: float = 0.1
    sheet_every: int = 500
    """Steps from one sample sheet, and one checkpoint, to the next."""
    sheet_steps: int = 20

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(
            self,
            autoencoder_steps=max(1, round(self.autoencoder_steps * factor)),
            decoder_rounds=tuple(max(1, round(steps * factor)) for steps in self.decoder_rounds),
            text_steps=max(1, round(self.text_steps * factor)),
            denoiser_steps=max(2, round(self.denoiser_steps * factor)),
            first_version_at=max(1, round(self.first_version_at * factor)),
            refining_steps=max(1, round(self.refining_steps * factor)),
        )
