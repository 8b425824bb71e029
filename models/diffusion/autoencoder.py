"""Between pixels and latents."""

from collections.abc import Sequence
from typing import Protocol

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Generator, Tensor

from models.diffusion.decoding import Decoded, Decoding, Levels, SideStream, to_levels, to_pictures
from models.diffusion.mailbox import Pixels
from models.diffusion.preview import fit_latent_to_rgb
from models.diffusion.tiling import run_in_tiles

WHOLE_AREA = 192 * 128
"""Latent pixels that go through the autoencoder at once: at a factor of 8, those of one picture of 1536x1024, or of six
of 512x512. A larger picture goes in tiles. It is a constant, not what memory happens to allow, so that a picture is
always made in the same way."""


class Autoencoder(Protocol):
    """Both ways between pictures and the latents that the denoiser works on. Used by one thread only."""

    def encode(self, picture: Pixels, generator: Generator) -> Tensor:
        """uint8 (height, width, 3) to float32 (channels, h, w). An encoder that samples draws from `generator`."""

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        """float32 (channels, h, w) each, all of one shape, to pictures. May return before they are done.

        `tiled` asks for little memory, at the price of a slightly different picture.
        """

    def preview(self, latents: Tensor) -> Pixels:
        """A cheap likeness of what `decode` would give for one picture's latents: one pixel for each of theirs."""


class LatentAutoencoder:
    """`AutoencoderKL` or `AutoencoderTiny`, scaling and rounding exactly as diffusers' pipelines do."""

    def __init__(self, autoencoder: AutoencoderKL | AutoencoderTiny, *, upcast: bool = False) -> None:
        """`upcast`: whether float16 weights become float32 if their configuration asks for it. Stable Diffusion XL's
        pipelines do so, because its decoder overflows in float16; Stable Diffusion's ignore the configuration."""
        config = autoencoder.config
        if upcast and autoencoder.dtype == torch.float16 and config.get("force_upcast"):
            autoencoder.to(torch.float32)
        self._autoencoder = autoencoder
        self._dtype: torch.dtype = autoencoder.dtype
        self._device: torch.device = autoencoder.device
        self._factor = 2 ** (len(config.block_out_channels) - 1)
        self._scale, self._shift = self._normalisation()
        self._side_stream = SideStream(self._device) if self._device.type == "cuda" else None
        with torch.inference_mode():
            self._to_rgb = fit_latent_to_rgb(self._latents_of_mode, self._pictures, self._factor)

    def encode(self, picture: Pixels, generator: Generator) -> Tensor:
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        encoded = self._encoded(pixels)
        if isinstance(self._autoencoder, AutoencoderKL):
            encoded = DiagonalGaussianDistribution(encoded).sample(generator)
        return self._normalised(encoded)[0]

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        def levels(rows: Sequence[Tensor]) -> Levels:
            return to_levels(self._pictures(torch.stack(list(rows)), tiled=tiled))

        if self._side_stream is None:
            return Decoded(to_pictures(levels(latents)))
        return self._side_stream.decode(levels, latents)

    def preview(self, latents: Tensor) -> Pixels:
        picture: Pixels = self._to_rgb(latents).cpu().numpy()
        return picture

    def _normalisation(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, each (channels or 1, 1, 1): latents = (encoded - shift) * scale."""
        config = self._autoencoder.config
        scale, shift = torch.tensor(float(config.scaling_factor)), torch.tensor(float(config.get("shift_factor") or 0))
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        if mean is not None and deviation is not None:
            scale, shift = scale / torch.tensor(deviation), torch.tensor(mean)
        return scale.view(-1, 1, 1).to(self._device), shift.view(-1, 1, 1).to(self._device)

    def _pictures(self, latents: Tensor, *, tiled: bool = False) -> Tensor:
        """(n, channels, h, w) to (n, 3, height, width) in -1..1."""
        scaled = (latents / self._scale + self._shift).to(self._dtype)
        if tiled or _area(scaled) > WHOLE_AREA:
            return run_in_tiles(self._decoded, scaled, reads=1, writes=self._factor)
        return self._decoded(scaled)

    def _decoded(self, scaled: Tensor) -> Tensor:
        pictures: Tensor = self._autoencoder.decode(scaled, return_dict=False)[0]
        return pictures

    def _encoded(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) in -1..1 to what the encoder says of them: latents, or mean and log variance."""
        pixels = pixels.to(self._device, self._dtype)
        if _area(pixels) > WHOLE_AREA * self._factor**2:
            return run_in_tiles(self._encoder_output, pixels, reads=self._factor, writes=1)
        return self._encoder_output(pixels)

    def _encoder_output(self, pixels: Tensor) -> Tensor:
        output: Tensor
        if isinstance(self._autoencoder, AutoencoderKL):
            output = self._autoencoder.encode(pixels).latent_dist.parameters
        else:
            output = self._autoencoder.encode(pixels).latents
        return output

    def _latents_of_mode(self, pixels: Tensor) -> Tensor:
        encoded = self._encoded(pixels)
        if isinstance(self._autoencoder, AutoencoderKL):
            encoded = DiagonalGaussianDistribution(encoded).mode()
        return self._normalised(encoded)

    def _normalised(self, encoded: Tensor) -> Tensor:
        return ((encoded - self._shift) * self._scale).float()


def _area(pixels: Tensor) -> int:
    return pixels.shape[-2] * pixels.shape[-1]
