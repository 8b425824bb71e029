"""What `starter-gan` draws: emblems of 64x64, one class for each colour and shape.

What the class leaves open (background, style, size, place) is a fixed function of the latent, `emblem_of`, so every
latent has a picture to learn from. A standard normal latent gives the grammar's spread.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.starter import emblems
from models.starter.emblems import Emblem, render

SIDE = 64
LATENT = 32
# Named here, so that a trained model's classes stay what they are when the grammar grows.
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "white", "black", "teal")
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "diamond", "moon")
STYLES = ("flat", "outline", "gradient", "pixel", "dotted")
SIZES = ("small", "", "large")
LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
GROUNDS, KINDS_OF_STYLE, KINDS_OF_SIZE, PLACE = slice(0, 10), slice(10, 15), slice(15, 18), slice(18, 21)
"""Which numbers of a latent say what."""


def emblem_of(label: str, latent: list[float]) -> Emblem:
    """The emblem that a label and a latent (`LATENT` numbers) stand for: the largest number of each group wins."""
    colour, shape = label.split()
    liking = {name: value for name, value in zip(COLOURS, latent[GROUNDS], strict=True) if name != colour}
    dx, dy, turn = (math.tanh(value) for value in latent[PLACE])
    return placed(
        Emblem(
            shape=shape,
            colour=colour,
            background=max(liking, key=liking.__getitem__),
            style=STYLES[int(np.argmax(latent[KINDS_OF_STYLE]))],
            size=SIZES[int(np.argmax(latent[KINDS_OF_SIZE]))],
        ),
        dx,
        dy,
        turn,
    )


def placed(emblem: Emblem, dx: float, dy: float, turn: float) -> Emblem:
    """`emblem` displaced and turned, each as a part (-1..1) of the most that there is."""
    return replace(emblem, dx=0.05 * dx, dy=0.05 * dy, turn=0.1 * turn)


def typical_latents(label: str, latents: Tensor) -> Tensor:
    """`latents` (n, LATENT) bent so that all stand for the label's typical emblem: flat, of middle size, on the ground
    that differs most from its colour; where it lies is left to chance."""
    bent = latents.clone()
    winners = ((GROUNDS, _contrast(label)), (KINDS_OF_STYLE, STYLES.index("flat")), (KINDS_OF_SIZE, 1))
    for group, winner in winners:
        bent[:, group.start + winner] = bent[:, group].amax(dim=1) + 1
    return bent


def _contrast(label: str) -> int:
    """The number of the colour that is farthest from the label's."""
    palette = np.array([emblems.COLOURS[name] for name in COLOURS], float)
    return int(np.linalg.norm(palette - emblems.COLOURS[label.partition(" ")[0]], axis=1).argmax())


def pixels(emblem: Emblem) -> Tensor:
    """The emblem's picture, float32 (3, SIDE, SIDE) in -1..1."""
    return torch.from_numpy(render(emblem, SIDE)).permute(2, 0, 1).float() / 127.5 - 1
