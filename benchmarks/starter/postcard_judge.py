"""Reads from a picture the colours of a postcard's sky and land: a vote of pixels, each for the nearest colour.

The candidates are the palette as the wanted style shows it, so that a yellow sky at night is not taken for black.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from models.starter.emblems import COLOURS, Floats, Pixels
from models.starter.landscapes import land_paints, toned, tree_paint
from models.starter.postcards import Postcard

NAMES = tuple(COLOURS)
TREE = "tree"


def judge_postcard(picture: Pixels, wanted: Postcard) -> dict[str, bool]:
    """Whether sky and land of the picture (side, side, 3) have the colours of `wanted`."""
    pixels = picture.astype(np.float32)
    side = len(pixels)
    margin = side // 10
    sky = pixels[side * 8 // 100 : side * 14 // 100, margin:-margin]
    land = pixels[side * 62 // 100 : side * 67 // 100, margin:-margin]
    return {
        "sky": _vote(sky, [(name, toned(name, wanted.style)) for name in NAMES]) == wanted.sky,
        "land": _vote(land, land_candidates(wanted.style)) == wanted.land_colour,
    }


def land_candidates(style: str) -> list[tuple[str, Floats]]:
    """Lit and shaded land in every colour, and the trees before it, whose votes do not count."""
    paints = [(name, paint) for name in NAMES for paint in land_paints(name, style)]
    return [*paints, (TREE, tree_paint(style))]


def land_mask(picture: Pixels, card: Postcard) -> NDArray[np.bool_]:
    """Which pixels where the ridges run look more like the land of `card` than like its sky and sun or moon."""
    rows = slice(len(picture) * 30 // 100, len(picture) * 58 // 100)
    pixels = picture[rows].astype(np.float32).reshape(-1, 1, 3)
    top = toned(card.sky, card.style)
    pale = top + (255 - top) * (0.18 if card.style == "night" else 0.5)
    sky = [top + (pale - top) * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    if card.light:
        light = np.array(COLOURS[card.light_colour], np.float32)
        sky += [light, (light + pale) / 2]
    lit, shaded = land_paints(card.land_colour, card.style)
    land = [lit, shaded, (lit + pale) / 2, tree_paint(card.style)]
    distances = [np.linalg.norm(pixels - np.stack(paints), axis=2).min(1) for paints in (land, sky)]
    return np.asarray(distances[0] < distances[1]).reshape(-1, picture.shape[1])


def _vote(pixels: Floats, candidates: list[tuple[str, Floats]]) -> str:
    paints = np.stack([paint for _, paint in candidates])
    nearest = np.linalg.norm(pixels.reshape(-1, 1, 3) - paints, axis=2).argmin(1)
    votes = Counter(candidates[i][0] for i in nearest.tolist())
    del votes[TREE]
    return votes.most_common(1)[0][0] if votes else ""
