"""Open-loop load: requests that arrive when they arrive, whatever the service is doing."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Latencies:
    """Seconds from arrival to answer, in the order of arrival, and the time that all took."""

    seconds: tuple[float, ...]
    total: float

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.seconds, percent))

    @property
    def throughput(self) -> float:
        """Requests a second, over the whole run."""
        return len(self.seconds) / self.total


def joined(parts: Sequence[Latencies]) -> Latencies:
    """Several runs as one."""
    return Latencies(tuple(second for part in parts for second in part.seconds), sum(part.total for part in parts))


def poisson(rate: float, count: int, seed: int) -> tuple[float, ...]:
    """Arrival times in seconds of a Poisson process of `rate` a second; the same seed is the same traffic."""
    rng = random.Random(seed)
    now, times = 0.0, []
    for _ in range(count):
        now += rng.expovariate(rate)
        times.append(now)
    return tuple(times)


async def drive(requests: Sequence[T], times: Sequence[float], send: Callable[[T], Awaitable[object]]) -> Latencies:
    """Send each request at its time and wait for all. Lateness of our own loop counts as latency."""
    began = time.perf_counter()

    async def one(request: T, due: float) -> float:
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        await send(request)
        return time.perf_counter() - began - due

    seconds = await asyncio.gather(*(one(request, due) for request, due in zip(requests, times, strict=True)))
    return Latencies(tuple(seconds), time.perf_counter() - began)


async def burst(requests: Sequence[T], send: Callable[[T], Awaitable[object]]) -> Latencies:
    """All at once: the throughput of this is the saturation."""
    return await drive(requests, [0.0] * len(requests), send)
