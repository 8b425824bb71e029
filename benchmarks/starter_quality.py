"""Does `starter-diffusion` draw what it is asked for? `python -m benchmarks.starter_quality [--prompts 100]`

Prompts are combinations of words that the seeded training set never had. A picture's background colour is the median
of its border, its foreground colour the median of what differs from the background most, each named by the nearest
colour of the palette; its shape is the silhouette with the largest overlap (intersection over union) among all shapes
in all sizes. Nobody is lenient here: the nearest wins.
"""

import argparse
import json
import platform
import random
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from configs.catalog import REPOSITORY
from models.starter.emblems import COLOURS, SHAPES, SIZES, Emblem, Pixels, all_emblems, random_emblem, shape_mask
from models.starter.recipe import Recipe

NAMES = list(COLOURS)
PALETTE = np.array([COLOURS[name] for name in NAMES], np.float32)


def held_out(count: int, recipe: Recipe) -> list[Emblem]:
    """Combinations that the training set of `recipe` does not contain, drawn evenly."""
    rng = random.Random(recipe.seed)
    seen = {random_emblem(rng).caption() for _ in range(recipe.pictures)}
    unseen = [emblem for emblem in all_emblems() if emblem.caption() not in seen]
    return random.Random(1).sample(unseen, count)


def nearest_colour(pixels: NDArray[np.float32]) -> str:
    """The palette's name for the median of pixels (n, 3)."""
    distance = np.linalg.norm(PALETTE - np.median(pixels, axis=0), axis=1)
    return NAMES[int(distance.argmin())]


def judge(picture: Pixels, wanted: Emblem) -> dict[str, bool]:
    """What of the prompt the picture (side, side, 3) got right."""
    pixels = picture.astype(np.float32)
    border = np.concatenate([pixels[:6].reshape(-1, 3), pixels[-6:].reshape(-1, 3), pixels[:, :6].reshape(-1, 3)])
    difference = np.linalg.norm(pixels - np.median(border, axis=0), axis=2)
    foreground = difference > max(40.0, 0.5 * float(np.quantile(difference, 0.98)))
    return {
        "background": nearest_colour(border) == wanted.background,
        "foreground": bool(foreground.any()) and nearest_colour(pixels[foreground]) == wanted.colour,
        "shape": nearest_shape(foreground, wanted) == wanted.shape,
    }


def nearest_shape(foreground: NDArray[np.bool_], wanted: Emblem) -> str:
    """The shape whose drawing in the wanted style overlaps the foreground (side, side) most."""
    side = len(foreground)

    def overlap(shape: str, size: str) -> float:
        mask = shape_mask(Emblem(shape, wanted.colour, wanted.background, wanted.style, size), side)
        return float((mask & foreground).sum() / max(1, (mask | foreground).sum()))

    return max(SHAPES, key=lambda shape: max(overlap(shape, size) for size in SIZES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/starter/weights/starter-diffusion")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--sheet", type=Path, help="write the pictures as one PNG")
    args = parser.parse_args()
    pipeline = StableDiffusionPipeline.from_pretrained(args.model, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    wanted = held_out(args.prompts, Recipe())
    pictures: list[Pixels] = []
    started = time.monotonic()
    for i in tqdm(range(0, len(wanted), 10)):
        out = pipeline(
            [emblem.caption() for emblem in wanted[i : i + 10]],
            num_inference_steps=args.steps,
            guidance_scale=args.guidance,
            height=128,
            width=128,
            generator=torch.Generator().manual_seed(i),
            output_type="np",
        )
        pictures += [(picture * 255).round().astype(np.uint8) for picture in out.images]
    verdicts = [judge(picture, emblem) for picture, emblem in zip(pictures, wanted, strict=True)]
    rates = {part: round(float(np.mean([verdict[part] for verdict in verdicts])), 3) for part in verdicts[0]}
    print(
        json.dumps(
            {
                "prompts": len(wanted),
                "steps": args.steps,
                "guidance": args.guidance,
                "right": rates,
                "seconds": round(time.monotonic() - started, 1),
                "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
            },
            indent=2,
        )
    )
    if args.sheet:
        rows = [np.concatenate(pictures[i : i + 10], axis=1) for i in range(0, len(pictures) - 9, 10)]
        Image.fromarray(np.concatenate(rows)).save(args.sheet)


if __name__ == "__main__":
    main()
