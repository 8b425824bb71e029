"""Emblems: the procedurally drawn pictures, with captions, that the starter image models learn from.

A picture is fully described by an `Emblem`; `Emblem.caption()` and `render()` are its two faces. Shapes are
signed distance functions, so that every style (filled, outlined, dotted, ...) is a function of one distance field.
"""

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (36, 84, 214),
    "yellow": (250, 210, 40),
    "purple": (126, 48, 176),
    "orange": (245, 130, 32),
    "pink": (248, 140, 190),
    "white": (248, 248, 248),
    "black": (20, 20, 22),
    "teal": (18, 142, 142),
}
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "diamond", "moon")
STYLES = ("flat", "outline", "gradient", "pixel", "dotted")
SIZES = {"small": 0.36, "": 0.56, "large": 0.76}
"""Radius of the shape as a fraction of half the picture's side; the unnamed size is the middle one."""


@dataclass(frozen=True)
class Emblem:
    """One picture of the grammar. `dx`, `dy` in fractions of half the side, `turn` in radians."""

    shape: str
    colour: str
    background: str
    style: str = "flat"
    size: str = ""
    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0

    def caption(self) -> str:
        size = f"{self.size} " if self.size else ""
        return f"a {size}{self.colour} {self.shape} on a {self.background} background, {self.style} style"


def all_emblems() -> Iterator[Emblem]:
    """Every combination of words, undisturbed: 8 shapes x 90 colour pairs x 5 styles x 3 sizes = 10,800."""
    for shape, colour, background, style, size in itertools.product(SHAPES, COLOURS, COLOURS, STYLES, SIZES):
        if colour != background:
            yield Emblem(shape, colour, background, style, size)


def random_emblem(rng: random.Random) -> Emblem:
    """A combination drawn evenly, with a little displacement and turn."""
    colour, background = rng.sample(list(COLOURS), 2)
    return Emblem(
        shape=rng.choice(SHAPES),
        colour=colour,
        background=background,
        style=rng.choice(STYLES),
        size=rng.choice(list(SIZES)),
        dx=rng.uniform(-0.08, 0.08),
        dy=rng.uniform(-0.08, 0.08),
        turn=rng.uniform(-0.12, 0.12),
    )


def render(emblem: Emblem, side: int = 128) -> Pixels:
    """Draw `emblem` as an RGB picture of shape (side, side, 3)."""
    canvas_side = 16 if emblem.style == "pixel" else side
    distance = distance_field(emblem, canvas_side)
    colour, background = (np.array(COLOURS[name], np.float32) for name in (emblem.colour, emblem.background))
    coverage = _coverage(distance, emblem.style, canvas_side)[..., None]
    paint = np.broadcast_to(colour, (canvas_side, canvas_side, 3))
    if emblem.style == "gradient":
        paint = _gradient(colour, canvas_side)
    picture: Pixels = (background * (1 - coverage) + paint * coverage).round().astype(np.uint8)
    if canvas_side != side:
        picture = picture.repeat(side // canvas_side, axis=0).repeat(side // canvas_side, axis=1)
    return picture


def shape_mask(emblem: Emblem, side: int = 128) -> NDArray[np.bool_]:
    """The filled silhouette of `emblem`, shape (side, side): what a shape classifier compares with."""
    return distance_field(emblem, side) < 0


def distance_field(emblem: Emblem, side: int) -> Floats:
    """Signed distance to the shape's edge (negative inside), in half-sides, shape (side, side)."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(axis - emblem.dx, axis - emblem.dy)
    cos, sin = math.cos(emblem.turn), math.sin(emblem.turn)
    radius = SIZES[emblem.size]
    field = _shape_distance(emblem.shape, (cos * x + sin * y) / radius, (cos * y - sin * x) / radius)
    return (field * radius).astype(np.float32)


def _shape_distance(shape: str, x: Floats, y: Floats) -> Floats:  # noqa: PLR0911 (one line a shape)
    """Distance field of a shape of unit radius."""
    distance_from_centre = np.hypot(x, y)
    if shape == "circle":
        return distance_from_centre - 0.92
    if shape == "ring":
        return np.abs(distance_from_centre - 0.72) - 0.24
    if shape == "moon":
        return np.maximum(distance_from_centre - 0.95, 0.82 - np.hypot(x - 0.45, y + 0.12))
    if shape == "cross":
        return np.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95))
    if shape == "square":
        return _box(x, y, 0.8, 0.8)
    if shape == "diamond":
        return _polygon(x, y, [(0, -1), (0.68, 0), (0, 1), (-0.68, 0)])
    if shape == "triangle":
        return _polygon(x, y, [(0, -0.95), (0.95, 0.72), (-0.95, 0.72)])
    if shape == "star":
        spokes = [(1.02 if i % 2 == 0 else 0.43, math.pi * i / 5) for i in range(10)]
        return _polygon(x, y, [(r * math.sin(a), -r * math.cos(a)) for r, a in spokes])
    raise ValueError(f"unknown shape {shape!r}")


def _box(x: Floats, y: Floats, half_width: float, half_height: float) -> Floats:
    qx, qy = np.abs(x) - half_width, np.abs(y) - half_height
    outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0))
    return np.asarray(outside + np.minimum(np.maximum(qx, qy), 0), np.float32)


def _polygon(x: Floats, y: Floats, corners: list[tuple[float, float]]) -> Floats:
    """Distance to a closed polygon; inside is decided by counting the edges that a ray to the right crosses."""
    nearest = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ex / ey)
    return np.where(inside, -nearest, nearest).astype(np.float32)


def _coverage(distance: Floats, style: str, side: int) -> Floats:
    """How much of each pixel the paint covers (0..1): antialiased over one pixel."""
    if style == "outline":
        distance = np.abs(distance + 0.035) - 0.045
    elif style == "dotted":
        distance = np.maximum(distance, _dots(side))
    return np.clip(0.5 - distance * side / 2, 0, 1).astype(np.float32)


def _dots(side: int, pitch: float = 0.125, radius: float = 0.045) -> Floats:
    """Distance field of a square grid of dots."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    cell = (axis % pitch) - pitch / 2
    x, y = np.meshgrid(cell, cell)
    return np.asarray(np.hypot(x, y) - radius, np.float32)


def _gradient(colour: Floats, side: int) -> Floats:
    """The colour, lightened at the top and darkened at the bottom."""
    height = np.linspace(-1, 1, side, dtype=np.float32)[:, None, None]
    light = np.where(height < 0, colour + (255 - colour) * 0.55 * -height, colour * (1 - 0.5 * height))
    return np.broadcast_to(light, (side, side, 3)).astype(np.float32)
