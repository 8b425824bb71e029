"""The training set of `starter-diffusion`, emblems and postcards, and the combinations kept out of it for measuring."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.starter.emblems import COLOURS, Emblem, Pixels, all_emblems, random_emblem, render
from models.starter.landscapes import render_postcard
from models.starter.postcards import POSTCARD_STYLES, Postcard, random_postcard

Picture = Emblem | Postcard
Combination = tuple[str, ...]

HELD_OUT_EMBLEMS = 400
HELD_OUT_POSTCARDS = 80
SEED = 4
ALIKE = 170
"""Colours nearer than this, in RGB, count as like: 13 of the 45 pairs."""


def combination(picture: Picture) -> Combination:
    """What makes a prompt new: all words of an emblem; sky, land, its colour and the style of a postcard."""
    if isinstance(picture, Emblem):
        return (picture.shape, picture.colour, picture.background, picture.style, picture.size)
    return (picture.sky, picture.land, picture.land_colour, picture.style)


def held_out() -> frozenset[Combination]:
    """The combinations that no training picture has, the same in every run."""
    rng = random.Random(SEED)
    emblems = rng.sample([combination(emblem) for emblem in all_emblems()], HELD_OUT_EMBLEMS)
    scenes = [
        (sky, land, colour, style)
        for sky in COLOURS
        for land in ("mountains", "hills")
        for colour in COLOURS
        for style in POSTCARD_STYLES
        if colour != sky
    ]
    return frozenset(emblems) | frozenset(rng.sample(scenes, HELD_OUT_POSTCARDS))


def training_pictures(emblems: int, postcards: int, seed: int) -> list[Picture]:
    """Random pictures in a mixed order, none of a held-out combination."""
    return _pictures(((random_emblem, emblems), (random_postcard, postcards)), seed)


def hard_pictures(emblems: int, postcards: int, seed: int) -> list[Picture]:
    """As `training_pictures`, but the harder one of two, and emblems nearer to upright and to the middle."""
    return _pictures(((_hard_emblem, emblems), (_hard_postcard, postcards)), seed)


def _hard_emblem(rng: random.Random) -> Emblem:
    emblem = max(random_emblem(rng), random_emblem(rng), key=_difficulty)
    return replace(emblem, dx=emblem.dx / 2, dy=emblem.dy / 2, turn=emblem.turn / 3)


def _hard_postcard(rng: random.Random) -> Postcard:
    return max(random_postcard(rng), random_postcard(rng), key=_difficulty)


def _difficulty(picture: Picture) -> int:
    """How many things about a picture make it hard to draw: little of it, thin parts, like colours, the dark."""
    if isinstance(picture, Emblem):
        thin = picture.style in ("outline", "pixel", "dotted")
        return thin + (picture.size == "small") + _alike(picture.colour, picture.background)
    ground = picture.land_colour or picture.sea
    fine = picture.style in ("pixel", "night")
    return fine + (picture.land == "mountains") + _alike(picture.sky, ground)


def _alike(one: str, other: str) -> bool:
    return math.dist(COLOURS[one], COLOURS[other]) < ALIKE


def _pictures(kinds: tuple[tuple[Callable[[random.Random], Picture], int], ...], seed: int) -> list[Picture]:
    rng, kept_out = random.Random(seed), held_out()
    pictures: list[Picture] = []
    for draw, count in kinds:
        wanted = len(pictures) + count
        while len(pictures) < wanted:
            picture = draw(rng)
            if combination(picture) not in kept_out:
                pictures.append(picture)
    rng.shuffle(pictures)
    return pictures


def prompts_of_emblems(count: int, seed: int = 1) -> list[Emblem]:
    """`count` emblems of held-out combinations (at most `HELD_OUT_EMBLEMS`), each once."""
    kept_out = held_out()
    return random.Random(seed).sample([e for e in all_emblems() if combination(e) in kept_out], count)


def prompts_of_postcards(count: int, seed: int = 1) -> list[Postcard]:
    """`count` postcards whose sky, land and style are a held-out combination; the rest is drawn."""
    rng, kept_out = random.Random(seed), held_out()
    found: list[Postcard] = []
    while len(found) < count:
        card = random_postcard(rng)
        if combination(card) in kept_out:
            found.append(card)
    return found


def drawn(picture: Picture, side: int = 128) -> Pixels:
    """The picture in RGB, shape (side, side, 3)."""
    return render(picture, side) if isinstance(picture, Emblem) else render_postcard(picture, side)


def draw_all(pictures: list[Picture], side: int) -> Tensor:
    """All pictures in bytes, shape (n, 3, side, side)."""
    return torch.from_numpy(np.stack([drawn(p, side) for p in tqdm(pictures, "drawing", mininterval=5)])).permute(
        0, 3, 1, 2
    )
