"""Paints postcards, from back to front: sky, stars, sun or moon, far and near land, sea, trees.

What the words leave open (where the sun stands, how the ridges run) is drawn from the postcard's `layout`.
"""

import random
from typing import NamedTuple

import numpy as np

from models.starter.emblems import COLOURS, Floats, Pixels
from models.starter.postcards import Postcard

HORIZON = 0.68
PAPER = np.array((250, 246, 236), np.float32)
FIR = np.array((20, 66, 48), np.float32)
STARLIGHT = np.array((255, 244, 190), np.float32)
MIDNIGHT = np.array((8, 14, 52), np.float32)


class Scene(NamedTuple):
    """A canvas with its coordinates, each of shape (side, side) from 0 to 1, x to the right and y down."""

    x: Floats
    y: Floats
    pixel: float


def toned(colour: str, style: str) -> Floats:
    """A named colour, shape (3,), as a style shows it: watercolour lets the paper through, night darkens it."""
    plain = np.array(COLOURS[colour], np.float32)
    return _tone(plain, style)


def land_paints(colour: str, style: str) -> tuple[Floats, Floats]:
    """Land in a named colour, lit and shaded, each of shape (3,)."""
    lit = toned(colour, style)
    return lit, np.asarray(lit + 26 if colour == "black" else lit * 0.78, np.float32)


def tree_paint(style: str) -> Floats:
    """The dark green of firs as a style shows it, shape (3,)."""
    return _tone(FIR, style)


def render_postcard(card: Postcard, side: int = 128) -> Pixels:
    """Paint `card` as an RGB picture of shape (side, side, 3)."""
    canvas_side = 32 if card.style == "pixel" else side
    axis = (np.arange(canvas_side, dtype=np.float32) + 0.5) / canvas_side
    scene = Scene(*np.meshgrid(axis, axis), pixel=1 / canvas_side)
    rng = random.Random(card.layout)
    canvas = _sky(card, scene)
    light_at = rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.36)
    if card.stars:
        canvas = _stars(canvas, scene, rng, card.style)
    if card.light:
        canvas = _light(canvas, card, scene, light_at)
    canvas = _land(canvas, card, scene, rng)
    if card.sea:
        canvas = _sea(canvas, card, scene, light_at[0])
    if card.trees:
        canvas = _trees(canvas, card, scene, rng)
    if card.style == "watercolour":
        canvas = _wash(canvas, scene, rng)
    picture: Pixels = canvas.clip(0, 255).round().astype(np.uint8)
    if canvas_side != side:
        picture = picture.repeat(side // canvas_side, axis=0).repeat(side // canvas_side, axis=1)
    return picture


def _tone(colour: Floats, style: str) -> Floats:
    if style == "watercolour":
        return np.asarray(colour * 0.72 + PAPER * 0.28, np.float32)
    if style == "night":
        return np.asarray(colour * 0.42 + MIDNIGHT * 0.55, np.float32)
    return colour


def _over(canvas: Floats, paint: Floats, coverage: Floats) -> Floats:
    return np.asarray(canvas + (paint - canvas) * coverage[..., None], np.float32)


def _below(scene: Scene, edge: Floats) -> Floats:
    """Coverage (0..1) of what lies below a line y = edge, antialiased over one pixel."""
    return np.clip((scene.y - edge) / scene.pixel + 0.5, 0, 1)


def _sky(card: Postcard, scene: Scene) -> Floats:
    top = toned(card.sky, card.style)
    glow = top + (255 - top) * (0.18 if card.style == "night" else 0.5)
    height = (np.clip((scene.y - 0.22) / 0.46, 0, 1) ** 1.2)[..., None]
    return np.asarray(top + (glow - top) * height, np.float32)


def _stars(canvas: Floats, scene: Scene, rng: random.Random, style: str) -> Floats:
    for column in range(5):
        for row in range(2):
            x = (column + rng.uniform(0.2, 0.8)) / 5
            y = 0.05 + (row + rng.uniform(0.15, 0.85)) * 0.2
            dx, dy = np.abs(scene.x - x), np.abs(scene.y - y)
            sparkle = np.sqrt(dx + 1e-4) + np.sqrt(dy + 1e-4) - rng.uniform(0.23, 0.28)
            canvas = _over(canvas, STARLIGHT, np.clip(-sparkle / 0.05, 0, 1) * (1.0 if style != "watercolour" else 0.8))
    return canvas


def _light(canvas: Floats, card: Postcard, scene: Scene, at: tuple[float, float]) -> Floats:
    colour = np.array(COLOURS[card.light_colour], np.float32)
    colour = colour + (PAPER - colour) * (0.25 if card.style == "watercolour" else 0.0)
    radius = 0.14 if card.light == "sun" else 0.13
    distance = np.hypot(scene.x - at[0], scene.y - at[1]) - radius
    canvas = _over(canvas, colour + (255 - colour) * 0.4, 0.5 * np.exp(-np.maximum(distance, 0) / 0.07))
    if card.light == "moon":
        distance = np.maximum(distance, 0.11 - np.hypot(scene.x - at[0] - 0.065, scene.y - at[1] + 0.025))
        canvas = _over(canvas, toned(card.sky, card.style), _disc(scene, at, radius))
    return _over(canvas, colour, np.clip(0.5 - distance / scene.pixel, 0, 1))


def _disc(scene: Scene, at: tuple[float, float], radius: float) -> Floats:
    distance = np.hypot(scene.x - at[0], scene.y - at[1]) - radius
    return np.asarray(np.clip(0.5 - distance / scene.pixel, 0, 1) * 0.5, np.float32)


def _land(canvas: Floats, card: Postcard, scene: Scene, rng: random.Random) -> Floats:
    if not card.land:
        return canvas
    near, shaded = land_paints(card.land_colour, card.style)
    haze = canvas[int(len(canvas) * 0.6), 0]
    line = _peaks if card.land == "mountains" else _rolling
    far_line, _ = line(scene, rng, 0.47)
    near_line, slopes = line(scene, rng, 0.6)
    canvas = _over(canvas, near * 0.5 + haze * 0.5, _below(scene, far_line))
    canvas = _over(canvas, near, _below(scene, near_line))
    canvas = _over(canvas, shaded, _below(scene, near_line) * slopes)
    if not card.sea:
        front, _ = _rolling(scene, rng, 0.82)
        canvas = _over(canvas, near * 0.55, _below(scene, front))
    return canvas


def _peaks(scene: Scene, rng: random.Random, middle: float) -> tuple[Floats, Floats]:
    """A jagged ridge around a height, and where (0 or 1) its slopes face away from the light."""
    count = rng.choice((2, 3))
    start = rng.uniform(-0.35, 0.0)
    xs, ys = [start - 1.0], [middle]
    for i in range(count + 2):
        at = start + i / count
        xs += [at, at + rng.uniform(0.4, 0.6) / count]
        ys += [middle + rng.uniform(0.02, 0.07), middle - rng.uniform(0.08, 0.2)]
    xs.append(3.0)
    ys.append(middle)
    ridge = np.interp(scene.x, xs, ys).astype(np.float32)
    falling = np.interp(scene.x + 0.004, xs, ys) > np.interp(scene.x - 0.004, xs, ys)
    return ridge, falling.astype(np.float32)


def _rolling(scene: Scene, rng: random.Random, middle: float) -> tuple[Floats, Floats]:
    """A smooth ridge around a height; hills have no shaded side."""
    waves = [(rng.uniform(0.03, 0.055), rng.uniform(4, 7)), (rng.uniform(0.01, 0.025), rng.uniform(8, 12))]
    ridge = middle + sum(height * np.sin(speed * scene.x + rng.uniform(0, 6.3)) for height, speed in waves)
    return np.asarray(ridge, np.float32), np.zeros_like(scene.x)


def _sea(canvas: Floats, card: Postcard, scene: Scene, light_x: float) -> Floats:
    water = toned(card.sea, card.style)
    shallow = water + (255 - water) * (0.12 if card.style == "night" else 0.28)
    depth = np.clip((scene.y - HORIZON) / (1 - HORIZON), 0, 1)
    surface = shallow + (water - shallow) * np.minimum(depth * 2, 1)[..., None]
    coverage = _below(scene, np.full_like(scene.x, HORIZON if card.land else HORIZON - 0.06))
    canvas = _over(canvas, surface, coverage)
    if card.light:
        path = np.abs(scene.x - light_x) - (0.035 + 0.1 * depth) * (0.7 + 0.3 * np.sin(scene.y * 75))
        glint = np.array(COLOURS[card.light_colour], np.float32) * 0.8 + 51
        canvas = _over(canvas, glint, coverage * np.clip(0.5 - path / 0.03, 0, 1) * 0.6)
    return canvas


def _trees(canvas: Floats, card: Postcard, scene: Scene, rng: random.Random) -> Floats:
    """Firs at the left or the right or both, on a dark bank."""
    paint = tree_paint(card.style)
    sides = rng.choice(((0,), (1,), (0, 1)))
    for side in sides:
        bank = 1.0 - 0.14 * np.clip(1 - np.abs(scene.x - side) / 0.5, 0, 1)
        canvas = _over(canvas, paint * 0.8, _below(scene, bank))
        for i in range(2):
            at = abs(side - (0.1 + 0.18 * i + rng.uniform(-0.02, 0.02)))
            top, foot = 0.96 - rng.uniform(0.3, 0.42) + 0.05 * i, 0.93 + 0.02 * i
            drop = np.clip((scene.y - top) / (foot - top), 0, 1)
            half = 0.115 * np.where(drop < 0.5, drop * 1.5, 0.35 + (drop - 0.5) * 1.3)
            inside = np.clip((half - np.abs(scene.x - at)) / scene.pixel + 0.5, 0, 1)
            canvas = _over(canvas, paint, inside * (scene.y > top) * (scene.y < foot))
    return canvas


def _wash(canvas: Floats, scene: Scene, rng: random.Random) -> Floats:
    """Pigment that pools unevenly, and paper with a wobbling edge around it."""
    pools = np.zeros_like(scene.x)
    for _ in range(4):
        across, down = rng.uniform(-14, 14), rng.uniform(-14, 14)
        pools += np.sin(across * scene.x + down * scene.y + rng.uniform(0, 6.3)) / 4
    canvas = _over(canvas, PAPER, np.clip(0.1 + 0.2 * pools, 0, 1))
    wobble = 0.008 * (np.sin(21 * scene.x + rng.uniform(0, 6.3)) + np.sin(19 * scene.y + rng.uniform(0, 6.3)))
    edge = np.minimum(np.minimum(scene.x, 1 - scene.x), np.minimum(scene.y, 1 - scene.y))
    return _over(canvas, PAPER, np.clip((0.055 + wobble - edge) / 0.015, 0, 1))
