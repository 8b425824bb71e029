"""A first look at a GPU: Stable Diffusion XL's shape with random weights, plain diffusers and our engine side by side.

    python -m benchmarks.gpu.sdxl_shape [--shape sdxl | sd15 | tiny-xl] [--budget 420] [--out FILE]

bfloat16, 20 Euler steps, guidance 8. Prints and writes JSON: images a second and the time of a step at 1, 2, 4 and 8
requests at once; then latency under Poisson arrivals of 10 to 50 steps at 70 % of what whole-request batching can do.
Ends within the budget of seconds (and the time that building takes).
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline

from benchmarks.gpu.shapes import SHAPES, build
from benchmarks.gpu.whole_requests import Job, WholeRequests, run_jobs
from benchmarks.measuring.arrivals import Latencies, burst, drive, poisson
from benchmarks.measuring.machine import machine
from gitex.events import Finished
from gitex.metrics import BATCH_SIZE
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.diffusion.autoencoder import LatentAutoencoder
from models.diffusion.denoisers.sdxl import StableDiffusionXlDenoiser
from models.diffusion.denoisers.stable_diffusion import StableDiffusionDenoiser
from models.diffusion.engine import DiffusionEngine, EngineSettings
from models.diffusion.safety import EverythingAllowed
from models.diffusion.samplers.build import build_samplers

PROMPT = "a photograph of an astronaut riding a horse"
GUIDANCE, STEPS = 8.0, 20
MIXED_STEPS = (10, 20, 30, 40, 50)
BATCHES = (1, 2, 4, 8)
VARIANT = Variant("shape", 1, "sha256:" + "0" * 64)


class _Clock:
    def now(self) -> float:
        return time.monotonic()


class _Steps:
    """A recorder that counts steps and keeps how many requests each had."""

    def __init__(self) -> None:
        self.sizes: list[float] = []

    def count(self, metric: str, amount: float, tags: object) -> None: ...

    def gauge(self, metric: str, value: float, tags: object) -> None: ...

    def observe(self, metric: str, value: float, tags: object) -> None:
        if metric == BATCH_SIZE.name:
            self.sizes.append(value)


def main() -> None:
    args = _arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    began = time.perf_counter()
    pipeline = build(SHAPES[args.shape], device, dtype)
    pipeline.set_progress_bar_config(disable=True)
    steps = _Steps()
    engine = _engine(pipeline, args.side or SHAPES[args.shape].side, steps)
    built = time.perf_counter()
    result: dict[str, Any] = {"shape": args.shape, "side": args.side or SHAPES[args.shape].side}
    with torch.inference_mode():
        result["closed"] = _closed_loop(pipeline, engine, result["side"], built + 0.45 * args.budget)
        result["poisson"] = _poisson(pipeline, engine, steps, result["side"], built + args.budget)
    asyncio.run(engine.close())
    result["machine"] = machine(device, dtype)
    if device.type == "cuda":
        result["peak_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    result["seconds"] = {"build": round(built - began, 1), "all": round(time.perf_counter() - began, 1)}
    print(json.dumps(result, indent=2))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="sdxl")
    parser.add_argument("--side", type=int, help="of the pictures, in pixels (default: the shape's own)")
    parser.add_argument("--budget", type=float, default=420, help="seconds after building")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _engine(pipeline: DiffusionPipeline, side: int, steps: _Steps) -> DiffusionEngine:
    samplers = build_samplers(pipeline.scheduler.config)
    xl = isinstance(pipeline, StableDiffusionXLPipeline)
    limits = ImageLimits(side, side, side, side, 8, STEPS, 100, GUIDANCE, "euler", tuple(samplers), takes_images=True)
    return DiffusionEngine(
        info=ModelInfo(VARIANT, "diffusion", created=0, image=limits),
        denoiser=StableDiffusionXlDenoiser(pipeline) if xl else StableDiffusionDenoiser(pipeline),
        autoencoder=LatentAutoencoder(pipeline.vae, upcast=xl),
        samplers=samplers,
        safety=EverythingAllowed(),
        settings=EngineSettings(max_batch=max(BATCHES), max_waiting=1024),
        recorder=steps,
        clock=_Clock(),
    )


def _closed_loop(pipeline: DiffusionPipeline, engine: DiffusionEngine, side: int, until: float) -> list[dict[str, Any]]:
    """Batches of equal requests: the best case of whole requests, where step batching can only be as fast."""
    rows = []
    for batch in BATCHES:
        jobs = [Job(PROMPT, STEPS, GUIDANCE, side, seed) for seed in range(batch)]
        sides: dict[str, Callable[[], object]] = {
            "diffusers": lambda jobs=jobs: run_jobs(pipeline, jobs),  # type: ignore[misc]
            "engine": lambda jobs=jobs: asyncio.run(burst(jobs, lambda job: _run(engine, job))),  # type: ignore[misc]
        }
        seconds: dict[str, list[float]] = {name: [_timed(run)] for name, run in sides.items()}  # the first warms up
        while len(seconds["engine"]) < 4 and time.perf_counter() < until:
            for name, run in sides.items():
                seconds[name].append(_timed(run))
        median = {name: statistics.median(values[1:] or values) for name, values in seconds.items()}
        rows.append(
            {
                "requests": batch,
                "rounds": len(seconds["engine"]) - 1,
                "images_per_second": {name: round(batch / value, 3) for name, value in median.items()},
                "ms_per_step_decode_included": {name: round(1e3 * v / STEPS, 2) for name, v in median.items()},
                "engine_over_diffusers": round(median["diffusers"] / median["engine"], 3),
            }
        )
        if time.perf_counter() > until:
            break
    return rows


def _poisson(
    pipeline: DiffusionPipeline, engine: DiffusionEngine, steps: _Steps, side: int, until: float
) -> dict[str, Any]:
    """The same traffic for both, as much of it as the time that is left allows."""
    rng = random.Random(1)
    jobs = [Job(PROMPT, rng.choice(MIXED_STEPS), GUIDANCE, side, seed) for seed in range(400)]
    trial = jobs[:8]
    saturation = asyncio.run(burst(trial, WholeRequests(pipeline, max(BATCHES)).run)).throughput
    rate = 0.7 * saturation
    count = max(8, min(len(jobs), int(0.4 * (until - time.perf_counter()) * rate)))
    times = poisson(rate, count, seed=2)
    whole: Latencies = asyncio.run(drive(jobs[:count], times, WholeRequests(pipeline, max(BATCHES)).run))
    steps.sizes.clear()
    ours: Latencies = asyncio.run(drive(jobs[:count], times, lambda job: _run(engine, job)))
    return {
        "requests": count,
        "arrivals_per_second": round(rate, 3),
        "whole_requests_saturation_per_second": round(saturation, 3),
        "whole_requests_seconds": {f"p{p}": round(whole.percentile(p), 3) for p in (50, 95)},
        "engine_seconds": {f"p{p}": round(ours.percentile(p), 3) for p in (50, 95)},
        "engine_over_whole_requests": {f"p{p}": round(ours.percentile(p) / whole.percentile(p), 3) for p in (50, 95)},
        "mean_requests_in_a_step": round(statistics.mean(steps.sizes), 2),
    }


async def _run(engine: DiffusionEngine, job: Job) -> None:
    settings = DiffusionSettings(job.steps, job.guidance, "euler")
    spec = ImageSpec(VARIANT, job.prompt, job.side, job.side, job.seed, settings)
    async for event in engine.generate(spec, RunContext(f"seed-{job.seed}")):
        if isinstance(event, Finished):
            return
    raise RuntimeError("the engine ended without a picture")


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
