"""A network over overlapping squares of a tensor, for what is too large to go through in one piece."""

from collections.abc import Callable

import torch
from torch import Tensor

SIDE, OVERLAP = 64, 16
"""Of a tile, in latent pixels. Both are what diffusers' autoencoders take for Stable Diffusion."""


def run_in_tiles(network: Callable[[Tensor], Tensor], whole: Tensor, *, reads: int, writes: int) -> Tensor:
    """`network` over tiles of (n, channels, height, width), one after the other, blended linearly where they overlap.

    `reads` and `writes` are the pixels of the network's input and output to one latent pixel. Memory is that of one
    tile plus the result. A network that normalises over its whole input gives a slightly different result than in one
    piece.
    """
    height, width = (length // reads for length in whole.shape[-2:])
    rows, columns = min(SIDE, height), min(SIDE, width)
    total = weights = torch.zeros(())
    for top in _starts(height, rows):
        for left in _starts(width, columns):
            read = whole[..., top * reads : (top + rows) * reads, left * reads : (left + columns) * reads]
            tile = network(read).float()
            mask = (_ramp(rows * writes, writes)[:, None] * _ramp(columns * writes, writes)).to(tile.device)
            if not total.ndim:
                total = tile.new_zeros(*tile.shape[:-2], height * writes, width * writes)
                weights = tile.new_zeros(height * writes, width * writes)
            place = (..., slice(top * writes, (top + rows) * writes), slice(left * writes, (left + columns) * writes))
            total[place] += tile * mask
            weights[place] += mask
    return total / weights


def _starts(length: int, side: int) -> list[int]:
    """As few tiles as cover `length` with `OVERLAP` at least, evenly spread, all of one size."""
    if length <= side:
        return [0]
    gaps = -((side - length) // (side - OVERLAP))
    return [(length - side) * i // gaps for i in range(gaps + 1)]


def _ramp(length: int, scale: int) -> Tensor:
    """Rises from both ends over the overlap. (A border that no other tile shares is put right by the weights' sum.)"""
    inward = torch.arange(1, length + 1, dtype=torch.float32)
    return torch.minimum(inward, inward.flip(0)).clamp(max=OVERLAP * scale) / (OVERLAP * scale)
