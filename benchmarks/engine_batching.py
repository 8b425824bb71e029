"""Claim: sixteen different requests finish sooner through the engine than one after the other through diffusers.

Peer: `StableDiffusionPipeline` of the installed diffusers, with the same weights, precision, threads, samplers and
seeds. All requests arrive at once; both sides do the whole way from prompt to picture. Prints one JSON object with
seconds, ratios (peer / engine: above 1 the engine is faster), the largest difference of any pixel, and the machine.

    python -m benchmarks.engine_batching --model models/starter/weights/starter-diffusion
"""

import argparse
import asyncio
import io
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from numpy.typing import NDArray
from PIL import Image

from configs.catalog import REPOSITORY, DiffusionDefaults, EngineOptions, ModelEntry
from gitex.events import Finished
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from models.diffusion.engine import DiffusionEngine
from models.diffusion.load import load_diffusion_engine, load_pipeline

PROMPTS = (
    "a red circle on a white background, flat style",
    "a large blue star on a yellow background, outline style",
    "a green moon on a black background, gradient style",
)

STARTER = REPOSITORY / "models/starter/weights/starter-diffusion"


@dataclass(frozen=True)
class Outcome:
    """When each request was done, in seconds after the start, and its picture."""

    seconds: tuple[float, ...]
    pictures: tuple[NDArray[np.uint8], ...]


class _Monotonic:
    def now(self) -> float:
        return time.monotonic()


class _Silent:
    """A recorder that keeps nothing."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None: ...

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...


def main() -> None:
    args = _arguments()
    options = EngineOptions(device=args.device, dtype=args.dtype, threads=args.threads, max_batch=args.max_batch)
    side = args.side
    entry = ModelEntry(
        name="measured",
        version=1,
        kind="diffusion",
        source=str(args.model.resolve()),
        engine=options,
        diffusion=DiffusionDefaults(width=side, height=side, min_side=side, max_side=side),
    )
    engine = load_diffusion_engine(entry, _Silent(), _Monotonic())
    on_cuda = options.device.startswith("cuda") or (options.device == "auto" and torch.cuda.is_available())
    dtype = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}.get(
        options.dtype, torch.float16 if on_cuda else torch.float32
    )
    device = torch.device(("cuda" if on_cuda else "cpu") if options.device == "auto" else options.device)
    pipeline = load_pipeline(args.model, device, dtype)
    pipeline.set_progress_bar_config(disable=True)
    specs = [_spec(engine, i, args.requests, args.steps, side) for i in range(args.requests)]
    _run_peer(pipeline, specs[:1])  # both sides start warm
    rounds = [(_run_peer(pipeline, specs), asyncio.run(_run_engine(engine, specs))) for _ in range(args.rounds)]
    asyncio.run(engine.close())
    print(json.dumps(_summary(rounds, specs, device, dtype, options), indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=STARTER, help="a StableDiffusionPipeline folder")
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8, help="requests take from half to one and a half times as many")
    parser.add_argument("--side", type=int, default=128, help="of the pictures, in pixels")
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--rounds", type=int, default=2, help="both sides run this often, in turns")
    return parser.parse_args()


def _spec(engine: DiffusionEngine, i: int, total: int, steps: int, side: int) -> ImageSpec:
    settings = DiffusionSettings(
        steps=steps // 2 + steps * i // max(1, total - 1),
        guidance_scale=(1.0, 2.0, 5.0)[i % 3],
        sampler=("ddim", "euler")[i // 2 % 2],
        negative_prompt=("", "blue")[i % 2],
    )
    return ImageSpec(engine.info.variant, PROMPTS[i % len(PROMPTS)], side, side, seed=i, settings=settings)


def _run_peer(pipeline: Any, specs: list[ImageSpec]) -> Outcome:
    config = {**pipeline.scheduler.config, "clip_sample": False}
    schedulers = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
    seconds, pictures = [], []
    began = time.perf_counter()
    for spec in specs:
        settings = spec.settings
        assert isinstance(settings, DiffusionSettings)
        pipeline.scheduler = schedulers[settings.sampler].from_config(config)
        picture = pipeline(
            spec.prompt,
            negative_prompt=settings.negative_prompt,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance_scale,
            width=spec.width,
            height=spec.height,
            generator=torch.Generator().manual_seed(spec.seed),
        ).images[0]
        picture.save(io.BytesIO(), format="PNG")
        seconds.append(time.perf_counter() - began)
        pictures.append(np.asarray(picture))
    return Outcome(tuple(seconds), tuple(pictures))


async def _run_engine(engine: DiffusionEngine, specs: list[ImageSpec]) -> Outcome:
    began = time.perf_counter()

    async def one(spec: ImageSpec) -> tuple[float, NDArray[np.uint8]]:
        async for event in engine.generate(spec, RunContext(f"seed-{spec.seed}")):
            if isinstance(event, Finished):
                return time.perf_counter() - began, np.asarray(Image.open(io.BytesIO(event.output.content)))
        raise RuntimeError("the engine ended without a picture")

    done = await asyncio.gather(*(one(spec) for spec in specs))
    return Outcome(tuple(seconds for seconds, _ in done), tuple(picture for _, picture in done))


def _summary(
    rounds: list[tuple[Outcome, Outcome]],
    specs: list[ImageSpec],
    device: torch.device,
    dtype: torch.dtype,
    options: EngineOptions,
) -> dict[str, object]:
    peer, ours = zip(*rounds, strict=True)
    totals = [statistics.median(max(outcome.seconds) for outcome in side) for side in (peer, ours)]
    means = [statistics.median(statistics.mean(outcome.seconds) for outcome in side) for side in (peer, ours)]
    difference = max(
        int(np.abs(theirs.astype(int) - mine.astype(int)).max())
        for theirs, mine in zip(peer[0].pictures, ours[0].pictures, strict=True)
    )
    return {
        "peer": f"diffusers {diffusers.__version__} StableDiffusionPipeline, one request after the other",
        "requests": len(specs),
        "steps": [spec.settings.steps for spec in specs if isinstance(spec.settings, DiffusionSettings)],
        "side": specs[0].width,
        "max_batch": options.max_batch,
        "rounds": len(rounds),
        "seconds_for_all": {"peer": round(totals[0], 3), "engine": round(totals[1], 3)},
        "mean_seconds_to_a_picture": {"peer": round(means[0], 3), "engine": round(means[1], 3)},
        "throughput_ratio": round(totals[0] / totals[1], 3),
        "mean_latency_ratio": round(means[0] / means[1], 3),
        "largest_pixel_difference": difference,
        "machine": {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "dtype": str(dtype),
            "torch": torch.__version__,
            "load": os.getloadavg(),
        },
    }


if __name__ == "__main__":
    main()
