"""What the step loop asks of a denoiser."""

from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from torch import Tensor

from models.diffusion.conditioning import Conditioning, Layout

Guidance = Literal["classifier-free", "embedded"]


class Denoiser(Protocol):
    """One loaded network with its text encoders, on one device. Used by one thread only."""

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the rows of a forward pass, and of the initial noise."""

    @property
    def layout(self) -> Layout:
        """Of every row's conditioning, after `complete`."""

    @property
    def guidance(self) -> Guidance:
        """`classifier-free` wants a second row with the negative prompt (arXiv:2207.12598); a guidance-distilled
        network has the scale `embedded` in its conditioning and takes no negative prompt."""

    @property
    def latent_channels(self) -> int: ...

    @property
    def latent_factor(self) -> int:
        """Pixels of the picture's side to one of the latents' side."""

    @property
    def side_multiple(self) -> int:
        """What a picture's sides must be multiples of, in pixels."""

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        """The text part of a row's conditioning. Tokens over the model's limit are cut off."""

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        """`encoded` and what depends on the picture's size (in pixels) and on the guidance scale."""

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        """From now on, run and encode with these adapters, by name and weight; empty for none."""

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        """One forward pass: (rows, c, h, w) in `dtype`, float32 (rows,) and stacked rows to (rows, c, h, w)."""
