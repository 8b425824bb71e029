"""Claim: publishing to an IPFS node through us keeps at least 80 % of the throughput of calling the node directly.

Ours is `KuboNode.pin` of blobs in a local store: each is read, its SHA-256 checked, handed to the node through
`ipfshttpclient` in a thread on a connection of its own, and the node's CID compared with ours. Direct is a POST of
bytes that are in memory already, by one httpx client that keeps its connections, and nothing is checked. The node is
the js-ipfs one of the tests. Each batch is of fresh random bytes, so that the node always writes; the two take turns,
and begin in turns. A ratio is the median over the rounds of our contents per second by the direct ones in that round.
Writes `benchmarks/results/ipfs_publish.json`. Needs node and npm, or `--api` with the address of a running node.

    python -m benchmarks.ipfs_publish
"""

import argparse
import asyncio
import hashlib
import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from configs.ipfs_address import parse_ipfs_api
from gitex.publishing import Content
from storage.blobs import LocalBlobStore
from storage.ipfs.kubo import KuboNode
from storage.ipfs.unixfs import file_cid

RESULT = Path(__file__).parent / "results" / "ipfs_publish.json"
REPOSITORY = Path(__file__).parents[1]


class Load(NamedTuple):
    """So many contents of so many bytes, so many at once."""

    name: str
    size: int
    contents: int
    at_once: int


LOADS = (
    Load("pictures, one by one", 400_000, 20, 1),
    Load("pictures, four at once", 400_000, 40, 4),
    Load("16 MB, one by one", 16_000_000, 2, 1),
)


class Taken(NamedTuple):
    """Of one batch: contents per second, and this process's processor seconds for each."""

    rate: float
    processor: float


async def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder, _node(args.api, Path(folder)) as api:
        blobs = LocalBlobStore(Path(folder) / "blobs")
        ours, direct = Ours(api, blobs), Direct(api)
        await ours.publish(await _batch(blobs, LOADS[0]))
        await direct.publish(await _batch(blobs, LOADS[0]))
        rows = {load.name: await _compare(ours, direct, blobs, load, args.rounds) for load in LOADS}
        machine = _machine(await direct.version())
        await ours.close()
        await direct.close()
    result = {"goal": {"ours by direct": 0.8}, "rounds": args.rounds, "loads": rows, "machine": machine}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


class Ours:
    """Through the code of the product."""

    def __init__(self, api: str, blobs: LocalBlobStore) -> None:
        self._node = KuboNode(parse_ipfs_api(api), blobs)

    async def publish(self, contents: Sequence[tuple[Content, bytes]], at_once: int = 1) -> None:
        await _spread([self._pin(content) for content, _ in contents], at_once)

    async def close(self) -> None:
        await self._node.close()

    async def _pin(self, content: Content) -> None:
        if (await self._node.pin(content)).state != "pinned":
            raise SystemExit("the node did not pin")


class Direct:
    """The same bytes to the same command, by hand."""

    def __init__(self, api: str) -> None:
        self._client = httpx.AsyncClient(base_url=api, timeout=120, trust_env=False)

    async def publish(self, contents: Sequence[tuple[Content, bytes]], at_once: int = 1) -> None:
        await _spread([self._add(data) for _, data in contents], at_once)

    async def version(self) -> str:
        answer = await self._client.post("/api/v0/version")
        return str(answer.json()["Version"])

    async def close(self) -> None:
        await self._client.aclose()

    async def _add(self, data: bytes) -> None:
        params = {"pin": "true", "raw-leaves": "true", "cid-version": "1"}
        answer = await self._client.post("/api/v0/add", params=params, files={"file": ("bytes", data)})
        answer.raise_for_status()


async def _spread(works: Sequence[Awaitable[None]], at_once: int) -> None:
    free = asyncio.Semaphore(at_once)

    async def run(work: Awaitable[None]) -> None:
        async with free:
            await work

    await asyncio.gather(*(run(work) for work in works))


async def _compare(ours: Ours, direct: Direct, blobs: LocalBlobStore, load: Load, rounds: int) -> dict[str, Any]:
    taken: dict[str, list[Taken]] = {"ours": [], "direct": []}
    sides: list[tuple[str, Callable[..., Awaitable[None]]]] = [("ours", ours.publish), ("direct", direct.publish)]
    for _ in range(rounds):
        for name, publish in sides:
            batch = await _batch(blobs, load)
            wall, processor = time.perf_counter(), time.process_time()
            await publish(batch, load.at_once)
            seconds, spent = time.perf_counter() - wall, time.process_time() - processor
            taken[name].append(Taken(load.contents / seconds, spent / load.contents))
        sides.reverse()
    ratios = [own.rate / peer.rate for own, peer in zip(taken["ours"], taken["direct"], strict=True)]
    return {
        "bytes": load.size,
        "at once": load.at_once,
        "ours by direct": {"median": round(statistics.median(ratios), 3), "least": round(min(ratios), 3)},
        "contents per second": {
            name: round(statistics.median(each.rate for each in all_), 2) for name, all_ in taken.items()
        },
        "our processor milliseconds per content": {
            name: round(1000 * statistics.median(each.processor for each in all_), 2) for name, all_ in taken.items()
        },
    }


async def _batch(blobs: LocalBlobStore, load: Load) -> list[tuple[Content, bytes]]:
    batch = []
    for _ in range(load.contents):
        data = secrets.token_bytes(load.size)
        content = Content(str(file_cid([data])), "picture.png", hashlib.sha256(data).hexdigest(), load.size)
        await blobs.put(data)
        batch.append((content, data))
    return batch


@contextmanager
def _node(api: str | None, folder: Path) -> Iterator[str]:
    """The address of a running node."""
    if api is not None:
        yield api
        return
    command = [sys.executable, "-m", "tests.integration.ipfs_node_process", str(folder / "repo")]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise SystemExit("the node has no pipes")
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)


def _machine(node: str) -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "ipfs node": node,
        **{name: version(name) for name in ("ipfshttpclient", "httpx")},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--api", help="address of a running node, as http://127.0.0.1:5001")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
