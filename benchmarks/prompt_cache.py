"""Claim: a hit through `RedisPromptCache` costs little more than a bare `GET` of the same bytes with redis-py.

Both ask the Redis at `--url`, one call after the other, with values of equal bytes; rounds take turns, so that a busy
machine slows both alike. Prints, and writes to `benchmarks/results/prompt_cache.json`: microseconds a call and the
ratio, by the picture's size; what a look-up costs while Redis is gone; and the machine.

    python -m benchmarks.prompt_cache
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from deployments.clocks import MonotonicClock
from gitex.ports import CacheEntry
from storage.redis_cache import RedisPromptCache, encode
from storage.redis_link import RedisLink

RESULTS = Path(__file__).parent / "results" / "prompt_cache.json"
SIZES = {"asset id only": None, "16 KiB": 16 * 2**10, "256 KiB": 256 * 2**10}
NOBODY = "redis://127.0.0.1:1/0"


class _Nothing:
    """A `gitex.ports.Recorder` that forgets."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None: ...
    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...
    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None: ...


def main() -> None:
    args = _arguments()
    result = asyncio.run(_measure(args))
    text = json.dumps(result, indent=2)
    RESULTS.write_text(text + "\n")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in a round")
    return parser.parse_args()


async def _measure(args: argparse.Namespace) -> dict[str, Any]:
    prefix = f"gitex-bench-{secrets.token_hex(6)}:"
    # A busy machine must slow a read, not turn it into a miss.
    link = RedisLink(args.url, _Nothing(), MonotonicClock(), read_s=5.0)
    cache = RedisPromptCache(link, _Nothing(), 600.0, max(size or 0 for size in SIZES.values()), prefix)
    bare = Redis.from_url(args.url)
    rows = []
    try:
        for name, size in SIZES.items():
            entry = CacheEntry(f"ast_{secrets.token_hex(12)}", None if size is None else secrets.token_bytes(size))
            key = f"{prefix}prompt:{name}"
            await bare.set(key, encode(entry), px=600_000)
            assert await cache.get(name) == entry
            rows.append({"value": name, **await _compare(args, partial(cache.get, name), partial(bare.get, key))})
            await bare.delete(key)
    finally:
        await bare.aclose()
        await link.close()
    return {
        "rows": rows,
        "microseconds while Redis is gone": await _gone(args.calls),
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "load": [round(load, 1) for load in os.getloadavg()],
            "python": platform.python_version(),
            "redis-py": version("redis"),
        },
    }


async def _compare(
    args: argparse.Namespace, hit: Callable[[], Awaitable[object]], bare: Callable[[], Awaitable[object]]
) -> dict[str, float]:
    hits, gets = [], []
    for _ in range(args.rounds):
        hits.append(await _microseconds(hit, args.calls))
        gets.append(await _microseconds(bare, args.calls))
    return {
        "hit, microseconds": round(statistics.median(hits), 1),
        "bare GET, microseconds": round(statistics.median(gets), 1),
        "ratio": round(statistics.median(hit / get for hit, get in zip(hits, gets, strict=True)), 3),
    }


async def _gone(calls: int) -> float:
    """A look-up's cost once it is known that nobody answers."""
    link = RedisLink(NOBODY, _Nothing(), MonotonicClock())
    cache = RedisPromptCache(link, _Nothing(), 600.0, 0)
    try:
        await cache.get("first")
        return round(await _microseconds(lambda: cache.get("d"), calls), 1)
    finally:
        await link.close()


async def _microseconds(call: Callable[[], Awaitable[object]], calls: int) -> float:
    """The median of so many calls."""
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


if __name__ == "__main__":
    main()
