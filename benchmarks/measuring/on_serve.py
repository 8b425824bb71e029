"""Poisson traffic against two Ray Serve applications: our replica, and `@serve.batch` over the pipeline."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.measuring.arrivals import Latencies, burst, drive, joined, poisson
from benchmarks.measuring.engines import entry_of, picture_of, spec_of
from configs.catalog import REPOSITORY, EngineOptions
from deployments import loopback
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant

STEPS = (10, 20, 30, 40, 50)
LOAD = 0.7
PART = 60
"""Requests in one turn of a side."""
Send = Callable[[ImageSpec], Awaitable[object]]


def arrivals(folder: Path, options: EngineOptions, count: int, side: int, out: Path) -> dict[str, Any]:
    """Latency of both under the same traffic, at 70 % of what the slower of the two can do."""
    os.environ.update(PYTHONPATH=str(REPOSITORY), RAY_USAGE_STATS_ENABLED="0", **loopback.ENVIRONMENT)
    import ray
    from ray import serve

    ray.init(
        address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env=loopback.RUNTIME_ENV
    )
    try:
        variant, senders = _deploy(folder, options, side)
        specs = _traffic(variant, count, side)
        result, measured = asyncio.run(_measure(specs, senders))
        plot_latencies(measured, result["arrivals_per_second"], out / "engine.png")
        return result
    finally:
        serve.shutdown()
        ray.shutdown()


def _deploy(folder: Path, options: EngineOptions, side: int) -> tuple[Variant, dict[str, Send]]:
    from ray import serve

    from benchmarks.measuring.serve_batch import PEER
    from deployments.clients import DeployedImageModel
    from deployments.engines import DEPLOYMENTS

    entry = entry_of(folder, options.model_copy(update={"max_waiting": 1024}), side)
    ours = DEPLOYMENTS["diffusion"].options(
        name="engine", max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.1}
    )
    engine = serve.run(ours.bind(entry), name="engine", route_prefix=None)
    peer = serve.run(
        PEER.bind(str(folder.resolve()), options.max_batch, options.threads),
        name="peer",
        route_prefix=None,
    )
    info = engine.describe.remote().result()
    model = DeployedImageModel(engine, info)
    return info.variant, {"engine": lambda spec: picture_of(model, spec), "peer": peer.run.remote}


def _traffic(variant: Variant, count: int, side: int) -> list[ImageSpec]:
    rng = random.Random(1)
    return [
        spec_of(variant, i, side, DiffusionSettings(rng.choice(STEPS), guidance_scale=2.0, sampler="ddim"))
        for i in range(count)
    ]


async def _measure(specs: list[ImageSpec], senders: dict[str, Send]) -> tuple[dict[str, Any], dict[str, Latencies]]:
    for send in senders.values():
        await burst(specs[:2], send)
    saturation = {name: (await burst(specs[:24], send)).throughput for name, send in senders.items()}
    rate = LOAD * min(saturation.values())
    measured = await _in_turns(specs, rate, senders)
    ours, peer = measured["engine"], measured["peer"]
    result = {
        "peer": "@serve.batch over StableDiffusionPipeline, requests of equal parameters together",
        "requests": len(specs),
        "steps": STEPS,
        "saturation_per_second": {name: round(value, 3) for name, value in saturation.items()},
        "arrivals_per_second": round(rate, 3),
        **{
            f"{name}_seconds": {f"p{p}": round(latency.percentile(p), 3) for p in (50, 95, 99)}
            for name, latency in measured.items()
        },
        **{f"p{p}_engine_over_peer": round(ours.percentile(p) / peer.percentile(p), 3) for p in (50, 95)},
    }
    return result, measured


async def _in_turns(specs: list[ImageSpec], rate: float, senders: dict[str, Send]) -> dict[str, Latencies]:
    """Both sides get the same traffic in the same parts, part by part, so that a noisy machine is noisy to both."""
    parts: dict[str, list[Latencies]] = {name: [] for name in senders}
    for at in range(0, len(specs), PART):
        part = specs[at : at + PART]
        times = poisson(rate, len(part), seed=at)
        for name, send in senders.items():
            parts[name].append(await drive(part, times, send))
    return {name: joined(latencies) for name, latencies in parts.items()}


def plot_latencies(measured: dict[str, Latencies], rate: float, path: Path) -> None:
    """Draw the share of requests that were answered within a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(7, 4), dpi=110)
    labels = {"engine": "Gitex: step batching", "peer": "@serve.batch: whole requests"}
    for name, latency in measured.items():
        seconds = np.sort(latency.seconds)
        axes.step(seconds, np.arange(1, len(seconds) + 1) / len(seconds), where="post", label=labels[name])
    axes.set(
        xlabel="seconds from arrival to picture",
        ylabel="share of requests",
        title=f"Poisson arrivals, {rate:.2f} a second, 10 to 50 steps",
        xlim=(0, None),
        ylim=(0, 1.01),
    )
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
