"""Reads from a picture the colours of a postcard's sky and land, and where its things stand.

Every pixel counts for the nearest colour. The candidates are the palette as the wanted style shows it, so that a yellow
sky at night is not taken for black; for the things of a known postcard, only the paints that it has.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from models.starter.emblems import COLOURS, Floats, Pixels
from models.starter.landscapes import HORIZON, PAPER, land_paints, toned, tree_paint
from models.starter.postcards import Postcard

NAMES = tuple(COLOURS)
TREE = "tree"
THINGS = ("land", "sea", "light", "trees")
WASHES = (0.0, 0.1, 0.2, 0.3)
"""How much of the paper a watercolour lets through."""
Mask = NDArray[np.bool_]


def judge_postcard(picture: Pixels, wanted: Postcard) -> dict[str, bool]:
    """Whether sky and land, if it has any, of the picture (side, side, 3) have the colours of `wanted`."""
    pixels = picture.astype(np.float32)
    side = len(pixels)
    margin = side // 10
    sky = pixels[side * 8 // 100 : side * 14 // 100, margin:-margin]
    land = pixels[side * 62 // 100 : side * 67 // 100, margin:-margin]
    verdict = {"sky": _vote(sky, [(name, toned(name, wanted.style)) for name in NAMES]) == wanted.sky}
    if wanted.land:
        verdict["land"] = _vote(land, land_candidates(wanted.style)) == wanted.land_colour
    return verdict


def land_candidates(style: str) -> list[tuple[str, Floats]]:
    """Lit and shaded land in every colour, and the trees before it, whose votes do not count."""
    paints = [(name, paint) for name in NAMES for paint in land_paints(name, style)]
    return [*paints, (TREE, tree_paint(style))]


def land_mask(picture: Pixels, card: Postcard) -> Mask:
    """Which pixels where the ridges run look more like the land of `card` than like its sky and sun or moon."""
    rows = slice(len(picture) * 30 // 100, len(picture) * 58 // 100)
    pixels = picture[rows].astype(np.float32).reshape(-1, 1, 3)
    pale = _pale(card)
    sky = _sky_paints(card)
    if card.light:
        light = np.array(COLOURS[card.light_colour], np.float32)
        sky += [light, (light + pale) / 2]
    lit, shaded = land_paints(card.land_colour, card.style)
    land = [lit, shaded, (lit + pale) / 2, tree_paint(card.style)]
    distances = [np.linalg.norm(pixels - np.stack(paints), axis=2).min(1) for paints in (land, sky)]
    return np.asarray(distances[0] < distances[1]).reshape(-1, picture.shape[1])


def thing_masks(picture: Pixels, card: Postcard) -> dict[str, Mask]:
    """Where the land, the sea, the sun or moon and the trees of `card` stand, each (side, side); only what it has.

    A pixel belongs to what has the nearest of the card's paints. Above and below the horizon like paints mean other
    things: there is no sea in the sky, and no sun in the sea.
    """
    candidates = [*(("sky", paint) for paint in _sky_paints(card)), *_thing_paints(card)]
    if card.style == "watercolour":
        thinned = [(name, paint + (PAPER - paint) * wash) for name, paint in candidates for wash in WASHES]
        candidates = [*thinned, ("paper", PAPER)]
    names = np.array([name for name, _ in candidates])
    paints = np.stack([paint for _, paint in candidates])
    distances = np.linalg.norm(picture.astype(np.float32)[:, :, None] - paints, axis=3)
    shown = names[distances.argmin(2)]
    height = (np.arange(len(picture)) + 0.5)[:, None] / len(picture)
    places = {"sea": height > HORIZON - 0.1, "light": height < HORIZON - 0.1, "trees": height > HORIZON - 0.2}
    return {name: (shown == name) & places.get(name, height > 0) for name in THINGS if name in names}


def _thing_paints(card: Postcard) -> list[tuple[str, Floats]]:
    top, pale = toned(card.sky, card.style), _pale(card)
    paints: list[tuple[str, Floats]] = []
    if card.land:
        lit, shaded = land_paints(card.land_colour, card.style)
        hazy = (lit + top + (pale - top) * 0.8) / 2
        paints += [("land", paint) for paint in (lit, shaded, hazy, *(() if card.sea else (lit * 0.55,)))]
    if card.sea:
        deep = toned(card.sea, card.style)
        shallow = deep + (255 - deep) * (0.12 if card.style == "night" else 0.28)
        paints += [("sea", paint) for paint in (deep, (deep + shallow) / 2, shallow)]
    if card.light:
        light = np.array(COLOURS[card.light_colour], np.float32)
        disc = light + (PAPER - light) * (0.25 if card.style == "watercolour" else 0.0)
        paints += [("light", disc), ("sky", (light + (255 - light) * 0.4 + top) / 2)]
        if card.sea:
            paints.append(("sea", (light * 0.8 + 51) * 0.6 + toned(card.sea, card.style) * 0.4))
    if card.trees:
        paints += [("trees", tree_paint(card.style)), ("trees", tree_paint(card.style) * 0.8)]
    return paints


def _pale(card: Postcard) -> Floats:
    """The sky at the horizon."""
    top = toned(card.sky, card.style)
    return np.asarray(top + (255 - top) * (0.18 if card.style == "night" else 0.5), np.float32)


def _sky_paints(card: Postcard) -> list[Floats]:
    top, pale = toned(card.sky, card.style), _pale(card)
    return [top + (pale - top) * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _vote(pixels: Floats, candidates: list[tuple[str, Floats]]) -> str:
    paints = np.stack([paint for _, paint in candidates])
    nearest = np.linalg.norm(pixels.reshape(-1, 1, 3) - paints, axis=2).argmin(1)
    votes = Counter(candidates[i][0] for i in nearest.tolist())
    del votes[TREE]
    return votes.most_common(1)[0][0] if votes else ""
