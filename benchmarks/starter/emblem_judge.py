"""Reads from a picture which emblem it shows. The nearest wins: nobody is lenient here.

The background's colour is the median of the border, the foreground's that of what differs from it, each named by the
nearest colour of the palette. Of dots and thin lines only the half that differs most counts for the colour: the rest is
edge, a mixture with the background even in a drawn picture. The shape is the one whose drawing in the wanted style, in
any size and within the displacement that training pictures have, overlaps the foreground most.
"""

import itertools
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.starter.emblems import COLOURS, SHAPES, SIZES, Emblem, Floats, Pixels, render

NAMES = tuple(COLOURS)
PALETTE = np.array([COLOURS[name] for name in NAMES], np.float32)
THIN = ("outline", "dotted")
PLACES = (-0.06, 0.0, 0.06)
Mask = NDArray[np.bool_]


def judge_emblem(picture: Pixels, wanted: Emblem) -> dict[str, bool]:
    """What of `wanted` the picture (side, side, 3) got right."""
    pixels = picture.astype(np.float32)
    difference = _difference(pixels)
    mask = foreground(picture)
    if wanted.style in THIN and mask.any():
        mask &= difference >= np.median(difference[mask])
    return {
        "background": nearest_colour(_border(pixels)) == wanted.background,
        "foreground": bool(mask.any()) and nearest_colour(pixels[mask]) == wanted.colour,
        "shape": nearest_shape(silhouette(picture, wanted.style), wanted.style) == wanted.shape,
    }


def nearest_colour(pixels: Floats) -> str:
    """The palette's name for the median of pixels (n, 3)."""
    return NAMES[int(np.linalg.norm(PALETTE - np.median(pixels, axis=0), axis=1).argmin())]


def foreground(picture: Pixels) -> Mask:
    """What clearly differs from the border, shape (side, side)."""
    difference = _difference(picture.astype(np.float32))
    return np.asarray(difference > max(40.0, 0.5 * float(np.quantile(difference, 0.98))))


def silhouette(picture: Pixels, style: str) -> Mask:
    """The foreground at half the size; dots are joined."""
    mask = foreground(picture).astype(np.float32)
    if style == "dotted":
        mask = (_box_mean(mask, 9) > 0.12).astype(np.float32)
    side = len(mask) // 2
    return np.asarray(mask.reshape(side, 2, side, 2).mean((1, 3)) > 0.5)


def nearest_shape(mask: Mask, style: str) -> str:
    """The shape that overlaps a silhouette (64, 64) most."""
    names, drawings = _drawings("flat" if style == "gradient" else style)
    flat = mask.reshape(-1).astype(np.float32)
    shared = drawings @ flat
    overlap = shared / np.maximum(drawings.sum(1) + flat.sum() - shared, 1)
    return names[int(overlap.argmax())]


@cache
def _drawings(style: str) -> tuple[tuple[str, ...], Floats]:
    """Names and silhouettes (n, 64 * 64) of every shape, size and place."""
    names, drawings = [], []
    for shape, size, dx, dy in itertools.product(SHAPES, SIZES, PLACES, PLACES):
        picture = render(Emblem(shape, "white", "black", style, size, dx, dy))
        names.append(shape)
        drawings.append(silhouette(picture, style).reshape(-1))
    return tuple(names), np.stack(drawings).astype(np.float32)


def _difference(pixels: Floats) -> Floats:
    """How far every pixel is from the background, shape (side, side)."""
    return np.asarray(np.linalg.norm(pixels - np.median(_border(pixels), axis=0), axis=2), np.float32)


def _border(pixels: Floats) -> Floats:
    sides = (pixels[:6], pixels[-6:], pixels[:, :6], pixels[:, -6:])
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def _box_mean(values: Floats, width: int) -> Floats:
    padded = np.pad(values, width // 2)
    columns = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1).mean(-1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(columns, width, axis=0).mean(-1), np.float32)
