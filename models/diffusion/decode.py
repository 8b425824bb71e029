"""From latents to pixels."""

from typing import Protocol

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor

from gitex.errors import EngineFailure
from models.diffusion.mailbox import Pixels


class Decoder(Protocol):
    """Turns one picture's latents into pixels."""

    def decode(self, latents: Tensor) -> Pixels:
        """float32 (channels, h, w) to uint8 (height, width, 3). Raises `EngineFailure` if they are not finite."""


class AutoencoderDecoder:
    """The decoder half of a latent autoencoder, rounding to bytes exactly as diffusers' image processor does."""

    def __init__(self, autoencoder: AutoencoderKL | AutoencoderTiny) -> None:
        self._autoencoder = autoencoder
        self._scaling_factor = float(autoencoder.config.scaling_factor)

    def decode(self, latents: Tensor) -> Pixels:
        scaled = (latents / self._scaling_factor).to(self._autoencoder.dtype)
        picture: Tensor = self._autoencoder.decode(scaled[None], return_dict=False)[0][0]
        if not torch.isfinite(picture).all():
            raise EngineFailure("the model made a picture of values that are not numbers")
        levels = ((picture.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        pixels: Pixels = levels.permute(1, 2, 0).contiguous().cpu().numpy()
        return pixels
