"""Claims about the diffusion engine, each as a ratio to a named peer in the same run.

    python -m benchmarks.engine [--parts offline costs cancel arrivals] [--out benchmarks/results]

offline   sixteen mixed requests at once: diffusers one by one, and in whole-request batches of equal parameters
costs     strict mode
cancel    from giving a request up to the next one's first step
arrivals  Poisson traffic of 10 to 50 steps at 70 % of saturation on Ray Serve: `@serve.batch` over the pipeline

All with the same weights, precision, threads and seeds; ratios are peer / engine, above 1 the engine is better. Writes
engine.json and, for the arrivals, engine.png.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measuring.engines import STARTER, Monotonic, Silent, entry_of, picture_of, spec_of
from benchmarks.measuring.machine import machine
from benchmarks.measuring.peers import DiffusersPeer, Pixels, alike
from configs.catalog import REPOSITORY, EngineOptions
from gitex.events import Step
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from models.diffusion.engine import DiffusionEngine
from models.diffusion.load import load_diffusion_engine

SIDE = 128


def main() -> None:
    args = _arguments()
    options = EngineOptions(device="cpu", threads=args.threads, max_batch=args.max_batch)
    result: dict[str, Any] = {}
    if {"offline", "costs", "cancel"} & set(args.parts):
        engine = load_diffusion_engine(entry_of(args.model, options, SIDE), Silent(), Monotonic())
        peer = DiffusersPeer(args.model, torch.device("cpu"), torch.float32)
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "offline": lambda: offline(engine, peer, args),
            "costs": lambda: strict_cost(engine, args.rounds),
            "cancel": lambda: asyncio.run(cancelling(engine)),
        }
        result.update({part: parts[part]() for part in parts if part in args.parts})
        asyncio.run(engine.close())
    if "arrivals" in args.parts:
        from benchmarks.measuring.on_serve import arrivals  # it brings Ray

        result["arrivals"] = arrivals(args.model, options, args.requests, SIDE, args.out)
    result["machine"] = machine(torch.device("cpu"), torch.float32)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "engine.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=STARTER, help="a StableDiffusionPipeline folder")
    known = ("offline", "costs", "cancel", "arrivals")
    parser.add_argument("--parts", nargs="+", choices=known, default=known)
    parser.add_argument("--requests", type=int, default=120, help="of the Poisson traffic")
    parser.add_argument("--max-batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="all sides run this often, in turns")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "benchmarks/results")
    return parser.parse_args()


def offline(engine: DiffusionEngine, peer: DiffusersPeer, args: argparse.Namespace) -> dict[str, Any]:
    """Sixteen requests of mixed steps, guidance, samplers and seeds, all there at once."""
    specs = [
        spec_of(
            engine.info.variant,
            i,
            SIDE,
            DiffusionSettings(
                steps=(10, 15, 20, 25)[i % 4],
                guidance_scale=(1.0, 2.0, 5.0)[i % 3],
                sampler=("ddim", "euler")[i // 2 % 2],
                negative_prompt=("", "blue")[i % 2],
            ),
        )
        for i in range(16)
    ]
    sides: dict[str, Callable[[], list[Pixels]]] = {
        "one_by_one": lambda: [peer.run([spec])[0] for spec in specs],
        "whole_requests": lambda: [picture for group in alike(specs, args.max_batch) for picture in peer.run(group)],
        "engine": lambda: asyncio.run(_all(engine, specs)),
    }
    pictures, seconds = _in_turns(sides, args.rounds)
    difference = max(
        int(np.abs(theirs.astype(int) - ours).max())
        for theirs, ours in zip(pictures["one_by_one"], pictures["engine"], strict=True)
    )
    return {
        "seconds": {side: round(value, 3) for side, value in seconds.items()},
        "ratio_to_one_by_one": round(seconds["one_by_one"] / seconds["engine"], 3),
        "ratio_to_whole_requests": round(seconds["whole_requests"] / seconds["engine"], 3),
        "largest_pixel_difference": difference,
    }


def strict_cost(engine: DiffusionEngine, rounds: int) -> dict[str, Any]:
    """How much longer strict mode takes, for one request and for eight at once."""

    def side(count: int, *, strict: bool) -> Callable[[], list[Pixels]]:
        settings = DiffusionSettings(steps=15, guidance_scale=2.0, sampler="ddim", strict=strict)
        specs = [spec_of(engine.info.variant, i, SIDE, settings) for i in range(count)]
        return lambda: asyncio.run(_all(engine, specs))

    costs = {}
    for count in (1, 8):
        _, seconds = _in_turns({"usual": side(count, strict=False), "strict": side(count, strict=True)}, rounds)
        costs[f"requests_{count}"] = round(seconds["strict"] / seconds["usual"], 3)
    return {"strict_over_usual": costs}


async def cancelling(engine: DiffusionEngine, tries: int = 12) -> dict[str, Any]:
    """With every slot taken: from giving one request up to the waiting one's first step, beside a step's own time."""
    usual = DiffusionSettings(steps=40, guidance_scale=2.0, sampler="ddim")
    freed, steps = [], []
    for i in range(tries):
        leaver = engine.generate(spec_of(engine.info.variant, i, SIDE, usual), RunContext("leaver"))
        times = []
        async for event in leaver:
            if isinstance(event, Step):
                times.append(time.perf_counter())
                if event.index == 4:
                    break
        given_up = time.perf_counter()
        await leaver.aclose()
        heir = engine.generate(spec_of(engine.info.variant, 100 + i, SIDE, usual), RunContext("heir"))
        async for event in heir:
            if isinstance(event, Step):
                freed.append(time.perf_counter() - given_up)
                break
        await heir.aclose()
        steps.append((times[-1] - times[0]) / 3)
    step = statistics.median(steps)
    return {
        "step_ms": round(1e3 * step, 2),
        "cancel_to_next_requests_first_step_ms": round(1e3 * statistics.median(freed), 2),
        "in_steps": round(statistics.median(freed) / step, 2),
    }


async def _all(engine: DiffusionEngine, specs: list[ImageSpec]) -> list[Pixels]:
    return await asyncio.gather(*(picture_of(engine, spec) for spec in specs))


def _in_turns(
    sides: dict[str, Callable[[], list[Pixels]]], rounds: int
) -> tuple[dict[str, list[Pixels]], dict[str, float]]:
    """Every side once to warm up, then in turns, so that a noisy machine is noisy to all. Median seconds of each."""
    pictures = {name: run() for name, run in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return pictures, {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
