"""Previews at the price of a matrix product: latents to colours, linearly."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

FIELDS, SIDE = 12, 8
"""Pictures to learn from, and their sides in latent pixels."""


class LatentToRgb:
    """The colour of each latent pixel, from its own values only.

    Latents of such autoencoders are nearly a small picture in other colours, so an affine map, fitted per
    autoencoder, shows the picture; a full decode would cost as much as some denoising steps.
    """

    def __init__(self, weights: Tensor, bias: Tensor) -> None:
        """`weights` (3, channels) and `bias` (3,): to colours in -1..1."""
        # To 0..255 in the same product.
        self._weights = weights * 127.5
        self._bias = (bias + 1) * 127.5

    def __call__(self, latents: Tensor) -> Tensor:
        """float32 (channels, h, w) to uint8 (h, w, 3) on the same device."""
        levels = torch.addmm(self._bias, latents.flatten(1).T, self._weights.T)
        return levels.clamp_(0, 255).round_().to(torch.uint8).view(*latents.shape[1:], 3)


def fit_latent_to_rgb(
    encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor], factor: int
) -> LatentToRgb:
    """Least squares from latents to the mean colour of the block of pixels that each one decodes to.

    Learns from random smooth fields of colour, always the same ones. `encode` takes pictures (n, 3, height, width) in
    -1..1 to latents (n, channels, h, w), `decode` takes them back.
    """
    latents = torch.cat([encode(field) for field in _colour_fields(factor).split(1)])
    blocks = torch.cat([torch.nn.functional.avg_pool2d(decode(one).float(), factor) for one in latents.split(1)])
    values = latents.movedim(1, -1).flatten(0, -2).double().cpu()
    colours = blocks.movedim(1, -1).flatten(0, -2).double().cpu()
    known = torch.cat([values, values.new_ones(len(values), 1)], dim=1)
    # Some latents of an autoencoder may be nearly dead: `gelsd` takes the smallest of the maps that fit as well.
    solution = torch.linalg.lstsq(known, colours, driver="gelsd").solution.float().to(latents.device)
    return LatentToRgb(solution[:-1].T.contiguous(), solution[-1])


def _colour_fields(factor: int) -> Tensor:
    """(FIELDS, 3, side, side) in -1..1: one to four random colours across, blended into each other."""
    generator = torch.Generator().manual_seed(0)
    fields = []
    for i in range(FIELDS):
        patches = 1 + i % 4
        colours = torch.rand(1, 3, patches, patches, generator=generator) * 2 - 1
        fields.append(interpolate(colours, size=(SIDE * factor,) * 2, mode="bilinear", align_corners=True))
    return torch.cat(fields)
