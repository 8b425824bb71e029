"""Does `starter-diffusion` draw what it is asked for? `python -m benchmarks.starter_quality [--prompts 200]`

The prompts are plain captions of combinations that the training never saw, 200 emblems and 200 postcards, and the forty
of `benchmarks.starter.free_prompts` in a person's own words; seeds are fixed. How a picture is read is told in
`benchmarks.starter.emblem_judge` and `postcard_judge`, how image-to-image is measured in `image_to_image`. `--drawn`
judges the pictures that the training draws, `--rebuilt` the same through the autoencoder: no denoiser can do better.
"""

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from tqdm import tqdm

from benchmarks.starter.emblem_judge import judge_emblem
from benchmarks.starter.free_prompts import FREE_PROMPTS
from benchmarks.starter.image_to_image import Change, change_styles, elsewhere, measure
from benchmarks.starter.postcard_judge import judge_postcard
from configs.catalog import REPOSITORY
from models.starter.emblems import Emblem, Pixels
from models.starter.pictures import Picture, drawn, prompts_of_emblems, prompts_of_postcards

BATCH, FREE_SEED = 10, 100


def generate(
    pipeline: StableDiffusionPipeline, prompts: list[str], steps: int, guidance: float, own_seeds: int | None = None
) -> list[Pixels]:
    """One picture for each prompt, in batches of ten.

    The seed is the number of a batch's first prompt; or, counted from `own_seeds`, each prompt has its own.
    """
    pictures: list[Pixels] = []
    for i in tqdm(range(0, len(prompts), BATCH), "pictures", mininterval=5):
        seeds = [i] if own_seeds is None else [own_seeds + j for j in range(i, min(i + BATCH, len(prompts)))]
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        out = pipeline(
            prompts[i : i + BATCH],
            num_inference_steps=steps,
            guidance_scale=guidance,
            height=128,
            width=128,
            generator=generators[0] if own_seeds is None else generators,
            output_type="np",
        )
        pictures += [(picture * 255).round().astype(np.uint8) for picture in out.images]
    return pictures


@torch.no_grad()
def rebuild(pipeline: StableDiffusionPipeline, picture: Pixels) -> Pixels:
    """A picture through the autoencoder and back."""
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    back = pipeline.vae.decode(pipeline.vae.encode(pixels).latents).sample[0].permute(1, 2, 0)
    made: Pixels = ((back.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    return made


def right(asked: list[Picture], pictures: list[Pixels]) -> dict[str, dict[str, float]]:
    """The share of pictures with each part right, over all and for each style."""
    verdicts: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for wanted, picture in zip(asked, pictures, strict=True):
        kind, verdict = _judge(picture, wanted)
        for part, is_right in verdict.items():
            for group in ("all", wanted.style):
                verdicts[f"{kind} {part}"][group].append(is_right)
    return {part: {g: round(float(np.mean(v)), 3) for g, v in groups.items()} for part, groups in verdicts.items()}


def _judge(picture: Pixels, wanted: Picture) -> tuple[str, dict[str, bool]]:
    if isinstance(wanted, Emblem):
        return "emblem", judge_emblem(picture, wanted)
    return "postcard", judge_postcard(picture, wanted)


def save_sheet(pictures: list[Pixels], path: Path) -> None:
    rows = [np.concatenate(pictures[i : i + 10], axis=1) for i in range(0, len(pictures) - 9, 10)]
    Image.fromarray(np.concatenate(rows)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/starter/weights/starter-diffusion-2")
    parser.add_argument("--prompts", type=int, default=200, help="of each kind")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=1.5)
    parser.add_argument("--changes", type=int, default=40, help="image-to-image pictures of each kind (0: none)")
    parser.add_argument("--sheet", type=Path, help="write the pictures as one PNG, ten a row")
    parser.add_argument("--free-sheet", type=Path, help="the same of the prompts in a person's own words")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--drawn", action="store_true", help="judge drawn pictures instead")
    source.add_argument("--rebuilt", action="store_true", help="judge drawn pictures through the autoencoder instead")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pipeline = StableDiffusionPipeline.from_pretrained(args.model, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    asked: list[Picture] = [*prompts_of_emblems(args.prompts), *prompts_of_postcards(args.prompts)]
    started = time.monotonic()
    report: dict[str, object] = {"model": args.model.name, "prompts_of_each_kind": args.prompts}
    if args.drawn or args.rebuilt:
        pictures = [drawn(picture) for picture in asked]
        if args.rebuilt:
            pictures = [rebuild(pipeline, picture) for picture in pictures]
        report["pictures"] = "drawn" if args.drawn else "rebuilt"
    else:
        pictures = generate(pipeline, [picture.caption() for picture in asked], args.steps, args.guidance)
        report |= {"steps": args.steps, "guidance": args.guidance, "sampler": type(pipeline.scheduler).__name__}
        free = generate(pipeline, [text for text, _ in FREE_PROMPTS], args.steps, args.guidance, own_seeds=FREE_SEED)
        report["free_prompts"] = right([meant for _, meant in FREE_PROMPTS], free)
        if args.free_sheet:
            save_sheet(free, args.free_sheet)
        if args.changes:
            changes = change_styles(pipeline, args.changes, strength=0.5, guidance=args.guidance)
            rebuilt = [Change(change.wanted, rebuild(pipeline, drawn(change.wanted))) for change in changes]
            report["image_to_image"] = {
                "strength": 0.5,
                "of_each_kind": args.changes,
                "made": measure(changes),
                "another_layout": measure(elsewhere(changes)),
                "through_the_autoencoder": measure(rebuilt),
            }
    report["right"] = right(asked, pictures)
    report["seconds"] = round(time.monotonic() - started, 1)
    report["machine"] = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    print(json.dumps(report, indent=2))
    if args.sheet:
        save_sheet(pictures, args.sheet)


if __name__ == "__main__":
    main()
