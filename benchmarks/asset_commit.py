"""Asset commits a second (bytes synced to the disk, row committed) on SQLite and on PostgreSQL, and their ratio.

Both run in turns, so that a busy machine slows both alike, with one writer and with several. Beside them stands the
blob alone, which says how much of a commit the bytes are. PostgreSQL is the server that `--postgres` names, a database
of its own that is dropped afterwards; its `synchronous_commit` is in the result, as is the machine. Prints one JSON
object and writes it to `benchmarks/results/asset_commit.json`.

    python -m benchmarks.asset_commit --postgres postgresql://postgres@127.0.0.1:5432/test
"""

import argparse
import asyncio
import hashlib
import json
import os
import platform
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from gitex.assets import Asset
from gitex.events import StageSeconds
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore

RESULT = Path(__file__).parent / "results" / "asset_commit.json"
BYTES = 50_000
WRITERS = (1, 8)
SPEC = ImageSpec(
    Variant("measured", 1, "sha256:" + "0" * 64), "a red star on blue", 128, 128, 7, DiffusionSettings(20, 2.0, "ddim")
)
Commit = Callable[[], Awaitable[None]]


async def _save(store: SqlAssetStore) -> None:
    content = secrets.token_bytes(BYTES)
    asset = Asset(
        id=f"ast_{secrets.token_hex(12)}",
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/png",
        size=BYTES,
        spec=SPEC,
        stages=StageSeconds(),
        created_at=datetime.now(UTC),
    )
    await store.save(asset, content, cache=True, publish=True)


async def _put(blobs: LocalBlobStore) -> None:
    await blobs.put(secrets.token_bytes(BYTES))


async def _rate(commit: Commit, writers: int, commits: int) -> float:
    """Commits a second."""

    async def write() -> None:
        for _ in range(commits // writers):
            await commit()

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return (commits // writers) * writers / (time.perf_counter() - began)


@asynccontextmanager
async def _database(server: str) -> AsyncIterator[str]:
    """A PostgreSQL database of our own."""
    name = f"gitex_bench_{secrets.token_hex(6)}"
    administrator = await asyncpg.connect(server)
    await administrator.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+asyncpg://", 1)
    finally:
        await administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await administrator.close()


async def measure(server: str, rounds: int, commits: int) -> dict[str, Any]:
    """Medians over `rounds` turns of `commits` each, in commits a second."""
    with tempfile.TemporaryDirectory() as folder:
        async with _database(server) as postgres:
            blobs = LocalBlobStore(Path(folder) / "blobs")
            sqlite_store = await SqlAssetStore.open(f"sqlite+aiosqlite:///{folder}/gitex.db", blobs)
            postgres_store = await SqlAssetStore.open(postgres, blobs)
            sides: dict[str, Commit] = {
                "blob alone": partial(_put, blobs),
                "sqlite": partial(_save, sqlite_store),
                "postgresql": partial(_save, postgres_store),
            }
            found: dict[tuple[str, int], list[float]] = {(side, writers): [] for side in sides for writers in WRITERS}
            for _ in range(rounds + 1):
                for (side, writers), rates in found.items():
                    rates.append(await _rate(sides[side], writers, commits))
            await sqlite_store.close()
            await postgres_store.close()
    # The first turn warms up.
    return {f"{writers} writers": _summary(found, writers) for writers in WRITERS}


def _summary(found: dict[tuple[str, int], list[float]], writers: int) -> dict[str, Any]:
    rates = {side: statistics.median(rates[1:]) for (side, count), rates in found.items() if count == writers}
    ratios = [b / a for a, b in zip(found["sqlite", writers][1:], found["postgresql", writers][1:], strict=True)]
    return {
        "commits a second": {side: round(rate, 1) for side, rate in rates.items()},
        "postgresql to sqlite": round(statistics.median(ratios), 2),
        "postgresql to sqlite, of each turn": [round(ratio, 2) for ratio in sorted(ratios)],
    }


async def _server(server: str) -> dict[str, str]:
    connection = await asyncpg.connect(server)
    try:
        names = ("server_version", "synchronous_commit", "fsync")
        return {name: await connection.fetchval(f"SHOW {name}") for name in names}
    finally:
        await connection.close()


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", default="postgresql://postgres@127.0.0.1:5432/test")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--commits", type=int, default=80)
    arguments = parser.parse_args()
    result = {
        "measures": "asset commits (blob and row) a second, SQLite and PostgreSQL in turns",
        "bytes an asset": BYTES,
        "rounds": arguments.rounds,
        "commits a round": arguments.commits,
        **asyncio.run(measure(arguments.postgres, arguments.rounds, arguments.commits)),
        "postgresql": asyncio.run(_server(arguments.postgres)),
        "machine": {
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
            "load": [round(load, 1) for load in os.getloadavg()],
            "python": platform.python_version(),
            **{name: version(name) for name in ("sqlalchemy", "aiosqlite", "asyncpg")},
        },
    }
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
