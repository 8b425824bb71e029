"""Claim: previews slow the engine's loop by no more than 3 %.

Peer: the same engine and the same requests without previews, in turns with those that have them, in one run. Ratios,
with / without (above 1 previews cost): of the loop's time, which is the `denoise` stage; of the whole time until the
last picture is there; and of the process's CPU time, which has the previews' PNG encoding on other threads in full and
is what the loop would pay on a machine without a free core. Prints one JSON object.

    python -m benchmarks.preview_cost
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.measuring.engines import STARTER, Monotonic, Silent, entry_of, spec_of
from benchmarks.measuring.machine import machine
from configs.catalog import EngineOptions
from gitex.events import Finished, Step
from gitex.ports import ImageEngine, RunContext
from gitex.specs import DiffusionSettings
from models.diffusion.load import load_diffusion_engine


class Cost(NamedTuple):
    """Of one round of requests, in seconds."""

    loop: float
    whole: float
    cpu: float
    previews: int


def main() -> None:
    args = _arguments()
    options = EngineOptions(device=args.device, threads=args.threads, max_batch=args.requests)
    engine = load_diffusion_engine(entry_of(args.model, options, args.side), Silent(), Monotonic())
    asyncio.run(_round(engine, args, args.previews))
    pairs = []
    for turn in range(args.rounds):
        order = (0, args.previews) if turn % 2 else (args.previews, 0)  # being first may be an advantage
        costs = {previews: asyncio.run(_round(engine, args, previews)) for previews in order}
        pairs.append((costs[args.previews], costs[0]))
    asyncio.run(engine.close())
    device = torch.device("cpu" if args.device == "auto" and not torch.cuda.is_available() else args.device)
    print(json.dumps(_summary(pairs, args) | {"machine": machine(device, torch.float32)}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=STARTER, help="a pipeline folder")
    parser.add_argument("--requests", type=int, default=4, help="together in every step")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--previews", type=int, default=99, help="asked for by each; the engine gives at most as many")
    parser.add_argument("--side", type=int, default=128, help="of the pictures, in pixels")
    parser.add_argument("--rounds", type=int, default=10, help="with and without, in turns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


async def _round(engine: ImageEngine, args: argparse.Namespace, previews: int) -> Cost:
    settings = DiffusionSettings(steps=args.steps, guidance_scale=2.0, sampler="ddim")

    async def one(seed: int) -> tuple[float, int]:
        spec, seen = spec_of(engine.info.variant, seed, args.side, settings), 0
        async for event in engine.generate(spec, RunContext(f"seed-{seed}", previews=previews)):
            if isinstance(event, Step):
                seen += event.preview is not None
            if isinstance(event, Finished):
                return event.output.stages.denoise, seen
        raise RuntimeError("the engine ended without a picture")

    began, cpu = time.perf_counter(), time.process_time()
    ends = await asyncio.gather(*(one(seed) for seed in range(args.requests)))
    whole, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Cost(max(loop for loop, _ in ends), whole, cpu, sum(seen for _, seen in ends))


def _summary(pairs: list[tuple[Cost, Cost]], args: argparse.Namespace) -> dict[str, Any]:
    shown, hidden = zip(*pairs, strict=True)
    return {
        "peer": "the same requests without previews, in turns",
        "requests": args.requests,
        "steps": args.steps,
        "side": args.side,
        "rounds": args.rounds,
        "previews_of_a_request": shown[0].previews / args.requests,
        "step_ms": round(1e3 * statistics.median(cost.loop for cost in hidden) / args.steps, 2),
        "with_over_without": {
            "loop": _ratios([cost.loop for cost in shown], [cost.loop for cost in hidden]),
            "whole": _ratios([cost.whole for cost in shown], [cost.whole for cost in hidden]),
            "cpu": _ratios([cost.cpu for cost in shown], [cost.cpu for cost in hidden]),
        },
    }


def _ratios(shown: list[float], hidden: list[float]) -> dict[str, Any]:
    """The ratio of the medians, and the quartiles of the ratios of each turn."""
    ratios = [a / b for a, b in zip(shown, hidden, strict=True)]
    return {
        "of_medians": round(statistics.median(shown) / statistics.median(hidden), 4),
        "quartiles": [round(value, 4) for value in statistics.quantiles(ratios, n=4)],
    }


if __name__ == "__main__":
    main()
