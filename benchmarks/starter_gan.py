"""Does `starter-gan` draw the class that it is asked for, and not always the same? `python -m benchmarks.starter_gan`

A judge who knows nothing of the model names shape and colour of every picture: the shape is that of the silhouette, of
all shapes in all styles and sizes with a little displacement and turn, that overlaps the picture's most (intersection
over union); the colour is the palette's nearest to the median of what differs most from the background. The class is
right if both are. The judge is first tried on the data itself, and must name 97 % of it.

Diversity is the mean distance (root mean square of the difference of pixels in 0..1) between two pictures of one class,
given beside that of the data. Each truncation draws the same seeds of the same classes.
"""

import argparse
import itertools
import json
import math
import platform
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs.catalog import load_catalog
from models.gan.frames import Frame, latent_of
from models.gan.network import Generator, load_generator
from models.registry.sources import resolve_source
from models.starter import emblems
from models.starter.emblems import Emblem, Pixels, render
from models.starter.gan_emblems import COLOURS, LABELS, LATENT, SHAPES, SIDE, SIZES, emblem_of

EDGE = (0, 1, 2, -3, -2, -1)
TRUNCATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
PALETTE = np.array([emblems.COLOURS[name] for name in COLOURS], np.float32)


class Judge:
    """Names shape and colour of pictures."""

    def __init__(self) -> None:
        places = list(itertools.product((-0.06, -0.03, 0.0, 0.03, 0.06), (-0.06, -0.03, 0.0, 0.03, 0.06)))
        drawn = [
            (shape, render(Emblem(shape, "white", "black", style, size, dx, dy, turn), SIDE)[..., 0] > 134)
            for shape, style, size in itertools.product(SHAPES, ("flat", "outline", "pixel", "dotted"), SIZES)
            for (dx, dy), turn in itertools.product(places, (-0.08, 0.0, 0.08))
        ]
        self._shapes = [shape for shape, _ in drawn]
        self._masks = torch.from_numpy(np.stack([mask.ravel() for _, mask in drawn])).float()
        self._areas = self._masks.sum(1)

    def name(self, pictures: Pixels) -> list[str]:
        """`COLOUR SHAPE` of each of the pictures (n, SIDE, SIDE, 3)."""
        names: list[str] = []
        for some in np.array_split(pictures, math.ceil(len(pictures) / 100)):
            levels = some.astype(np.float32)
            edge = np.concatenate([levels[:, EDGE], levels[:, :, EDGE].swapaxes(1, 2)], axis=1)
            ground = np.median(edge.reshape(len(some), -1, 3), axis=1)
            difference = np.linalg.norm(levels - ground[:, None, None], axis=3)
            strongest = np.sort(difference.reshape(len(some), -1))[:, -40:].mean(1)[:, None, None]
            shown = difference > np.maximum(24.0, 0.5 * strongest)
            best = self._best_overlaps(shown)
            core = self._masks[best].numpy().reshape(shown.shape).astype(bool) & (difference > 0.6 * strongest)
            for i, template in enumerate(best.tolist()):
                names.append(f"{_colour(levels[i], core[i], shown[i])} {self._shapes[template]}")
        return names

    def _best_overlaps(self, shown: NDArray[np.bool_]) -> Tensor:
        """The number of the drawing that overlaps each silhouette (n, SIDE, SIDE) most."""
        silhouettes = torch.from_numpy(shown.reshape(len(shown), -1)).float()
        overlap = silhouettes @ self._masks.T
        return (overlap / (self._areas + silhouettes.sum(1, keepdim=True) - overlap)).argmax(1)


def _colour(levels: NDArray[np.float32], core: NDArray[np.bool_], shown: NDArray[np.bool_]) -> str:
    """The palette's nearest to the median of the shape's core, or of all that shows, or of the empty picture."""
    area = core if core.any() else shown
    median = np.median(levels[area] if area.any() else levels.reshape(-1, 3), axis=0)
    return COLOURS[int(np.linalg.norm(PALETTE - median, axis=1).argmin())]


class Scores(NamedTuple):
    """What came of one set of pictures (each class `per_class` times)."""

    class_right: float
    colour_right: float
    shape_right: float
    diversity: float


def score(judge: Judge, pictures: Pixels, per_class: int) -> Scores:
    """Scores of pictures (per_class * classes, SIDE, SIDE, 3), class after class."""
    wanted = [label for label in LABELS for _ in range(per_class)]
    pairs = [(named.split(), label.split()) for named, label in zip(judge.name(pictures), wanted, strict=True)]
    right = np.array([[named[0] == label[0], named[1] == label[1]] for named, label in pairs])
    levels = pictures.reshape(len(LABELS), per_class, -1).astype(np.float32) / 255
    distances = [
        np.sqrt(((levels[:, i] - levels[:, j]) ** 2).mean(1)) for i, j in itertools.combinations(range(per_class), 2)
    ]
    return Scores(
        class_right=round(float(right.all(1).mean()), 4),
        colour_right=round(float(right[:, 0].mean()), 4),
        shape_right=round(float(right[:, 1].mean()), 4),
        diversity=round(float(np.mean(distances)), 4),
    )


def data(per_class: int) -> Pixels:
    """What the generator learnt to draw, of other latents than it is tried on."""
    latents = torch.randn(len(LABELS) * per_class, LATENT, generator=torch.Generator().manual_seed(1)).tolist()
    labels = [label for label in LABELS for _ in range(per_class)]
    return np.stack([render(emblem_of(label, z), SIDE) for label, z in zip(labels, latents, strict=True)])


@torch.inference_mode()
def made(generator: Generator, per_class: int, truncation: float) -> Pixels:
    """Seeds 0, 1, 2, ... of every class, as the engine draws them."""
    rows = []
    for number in range(len(LABELS)):
        seeds = range(number * per_class, (number + 1) * per_class)
        frames = [Frame(seed, number, truncation, number, 0.0, seed, 0.0) for seed in seeds]
        latents = torch.cat([latent_of(frame, LATENT) for frame in frames])
        label = torch.full((per_class,), number)
        style = generator.mixed_style(
            latents, label, label, torch.zeros(per_class), torch.full((per_class,), truncation)
        )
        rows.append(generator.synthesise(style))
    levels = ((torch.cat(rows).clamp(-1, 1) + 1) * 127.5).round().byte()
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a folder; default: the catalog's starter-gan")
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = args.model or resolve_source(load_catalog().entry("starter-gan").source)
    generator, judge = load_generator(folder), Judge()
    started = time.monotonic()
    real = score(judge, data(args.per_class), args.per_class)
    if real.class_right < 0.97:
        raise SystemExit(f"the judge names only {real.class_right:.1%} of the data: its word on the model is worthless")
    rows = {t: score(judge, made(generator, args.per_class, t), args.per_class) for t in TRUNCATIONS}
    right, diversity = ([row[i] for row in rows.values()] for i in (0, 3))
    print(
        json.dumps(
            {
                "pictures": args.per_class * len(LABELS),
                "parameters": sum(parameter.numel() for parameter in generator.parameters()),
                "data": real._asdict(),
                "truncation": {
                    str(t): {**row._asdict(), "of_the_datas_diversity": round(row.diversity / real.diversity, 3)}
                    for t, row in rows.items()
                },
                "holds": {
                    "class right >= 0.9": right[-1] >= 0.9,
                    "diversity >= half of the data's": diversity[-1] >= 0.5 * real.diversity,
                    "less truncation, never more often right": right == sorted(right, reverse=True),
                    "less truncation, more diversity": diversity == sorted(diversity),
                },
                "seconds": round(time.monotonic() - started, 1),
                "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
