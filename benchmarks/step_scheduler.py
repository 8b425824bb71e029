"""Claim: choosing the next step and settling it takes 200 µs at most with 32 active requests, however many wait.

No model runs: what is measured is `next_batch` and `settle` together, with the starts and departures that fall into
them, and `expire`, `add` and `cancel` beside it. Tenants, sizes, lengths, guidance, priorities and deadlines are mixed.
Rounds at each number of waiting requests take turns, so that a busy machine slows all of them alike. Time is the
processor's, of this process. Prints one JSON object: median and 99th percentile in µs, the ratio of each median to that
with nobody waiting, and the machine.

    python -m benchmarks.step_scheduler
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from models.diffusion.batch_key import RowLayout
from models.diffusion.mailbox import Mailbox
from models.diffusion.request import DiffusionRequest, RequestState, Timeline
from models.diffusion.samplers.plan import Mix, SamplingPlan
from models.diffusion.step_scheduler import StepScheduler

WAITING = (0, 200, 2_000, 20_000)
TENANTS = 8
SIDES = (256, 512, 768, 1024)
VARIANT = Variant("measured", 1, "sha256:" + "0" * 64)
LAYOUT = RowLayout(VARIANT.id, channels=4, factor=8, conditioning=(("context", (77, 768)),), dtype="float16")


class _Monotonic:
    def now(self) -> float:
        return time.monotonic()


@dataclass
class Crowd:
    """A scheduler that is kept at so many waiting requests, and what its verbs took, in µs."""

    waiting: int
    active: int
    mailbox: Mailbox
    draw: random.Random = field(default_factory=lambda: random.Random(0))
    step: list[float] = field(default_factory=list)
    expire: list[float] = field(default_factory=list)
    add: list[float] = field(default_factory=list)
    cancel: list[float] = field(default_factory=list)
    seen_active: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Eight tenants hold up to 4 * max_batch / 9 slots each.
        max_batch = self.active * (TENANTS + 1) // (4 * TENANTS) + 1
        self.scheduler = StepScheduler(_Monotonic(), max_batch=max_batch, max_waiting=10 * max(WAITING))
        self.fill()

    def fill(self) -> None:
        """Requests come until as many as wanted run and wait."""
        while self.scheduler.active < self.active or self.scheduler.waiting < self.waiting:
            request = _request(self.draw, self.mailbox)
            self.add.append(_microseconds(partial(self.scheduler.add, request)))
            if self.scheduler.waiting > self.waiting:
                self.cancel.append(_microseconds(partial(self.scheduler.cancel, request)))

    def turn(self) -> None:
        """One step, without a model, and others come in the places of those that have left."""
        self.expire.append(_microseconds(self.scheduler.expire))
        began = time.thread_time_ns()
        batch = self.scheduler.next_batch()
        middle = time.thread_time_ns()
        for request in batch:
            request.step += 1
            if request.step == request.total:
                request.state = RequestState.FINISHED
        self.seen_active.append(self.scheduler.active)
        resumed = time.thread_time_ns()
        self.scheduler.settle(batch)
        self.step.append((middle - began + time.thread_time_ns() - resumed) / 1000)
        self.fill()

    def row(self) -> dict[str, Any]:
        """The figures of this crowd."""
        verbs = {"next_batch + settle": self.step, "expire": self.expire, "add": self.add, "cancel": self.cancel}
        return {
            "waiting": self.waiting,
            "active": {"median": statistics.median(self.seen_active), "max": max(self.seen_active)},
            "microseconds": {name: _spread(taken) for name, taken in verbs.items() if len(taken) > 1},
        }


def main() -> None:
    args = _arguments()
    with closing(asyncio.new_event_loop()) as loop:
        crowds = [Crowd(waiting, args.active, Mailbox(loop)) for waiting in WAITING]
        for _ in range(args.rounds):
            for crowd in crowds:
                for _ in range(args.steps):
                    crowd.turn()
    rows = [crowd.row() for crowd in crowds]
    medians = [statistics.median(crowd.step) for crowd in crowds]
    result = {
        "goal": {"microseconds": 200, "active": 32, "waiting": 2000},
        "rows": rows,
        "median step, against nobody waiting": {
            str(waiting): round(median / medians[0], 3) for waiting, median in zip(WAITING, medians, strict=True)
        },
        "machine": {"processor": platform.machine(), "cpus": os.cpu_count(), "python": platform.python_version()},
    }
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--active", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="of each crowd in a round")
    return parser.parse_args()


def _microseconds(action: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    action()
    return (time.thread_time_ns() - began) / 1000


def _spread(taken: list[float]) -> dict[str, float]:
    percentiles = statistics.quantiles(taken, n=100)
    return {"median": round(percentiles[49], 1), "p99": round(percentiles[98], 1), "max": round(max(taken), 1)}


def _request(draw: random.Random, mailbox: Mailbox) -> DiffusionRequest:
    steps, side, guided = draw.randint(10, 50), draw.choice(SIDES), draw.random() < 0.5
    settings = DiffusionSettings(steps, 7.5 if guided else 1.0, "euler")
    zeros, now = (0.0,) * steps, time.monotonic()
    return DiffusionRequest(
        spec=ImageSpec(VARIANT, "a red circle", side, side, seed=0, settings=settings),
        settings=settings,
        context=RunContext("r", f"tenant{draw.randrange(TENANTS)}", priority=draw.randrange(3)),
        key=LAYOUT.key(side, side),
        plan=SamplingPlan("euler", 1.0, zeros, zeros, (zeros,), (Mix(1.0, 0.0),)),
        mailbox=mailbox,
        timeline=Timeline(now),
        deadline=draw.choice([None, now + 3600]),
        guided=guided,
    )


if __name__ == "__main__":
    main()
