"""Claim: our CID of 100 MB takes no longer than that of npm's ipfs-unixfs-importer.

Both read one file from the page cache in pieces, hash and lay out its blocks, and keep none; both must give the same
CID. The peer runs in one Node process that stays up, so that its start is not counted and its code is warm. The length
of a read that is fastest for each is found first, then they take turns. Time is the processor's, of the whole process;
time on the wall stands beside it and depends on what else runs. A ratio is the median over the rounds of the peer's
seconds by ours. `to blocks` is the same with each block handed out, as publishing needs it, and `sha256 alone` reads
and hashes and does nothing else: nobody does it in less.
Writes `benchmarks/results/ipfs_cid.json`. Needs node and npm; `--peer` names a folder that has the peer installed.

    python -m benchmarks.ipfs_cid
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from storage.ipfs.unixfs import file_blocks, file_cid

PEER = "ipfs-unixfs-importer"
PEER_VERSION = "17.1.1"
PIECES = (1 << 16, 1 << 18, 1 << 20)
"""Bytes of one read; the first is Node's default."""
RESULT = Path(__file__).parent / "results" / "ipfs_cid.json"


class Taken(NamedTuple):
    """Seconds that one CID takes."""

    processor: float
    wall: float


Timed = Callable[[int], Taken]
"""Takes the bytes of one read."""


class Peer:
    """The Node process."""

    def __init__(self, folder: Path, file: Path) -> None:
        shutil.copy(Path(__file__).with_name("ipfs_cid_peer.mjs"), folder)
        command = ["node", "ipfs_cid_peer.mjs", str(file)]
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.cid = ""

    def cid_of(self, piece: int) -> Taken:
        reader, writer = _pipes(self._process)
        writer.write(f"{piece}\n")
        writer.flush()
        answer = json.loads(reader.readline())
        self.cid = answer["cid"]
        return Taken(answer["processor"], answer["wall"])

    def close(self) -> None:
        _pipes(self._process)[1].close()
        self._process.wait(30)


class Ours:
    """The same in this process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.cid = ""

    def cid_of(self, piece: int) -> Taken:
        clock = _Clock()
        self.cid = str(file_cid(self._read(piece)))
        return clock.taken()

    def blocks_of(self, piece: int) -> Taken:
        clock = _Clock()
        deque(file_blocks(self._read(piece)), maxlen=0)
        return clock.taken()

    def hash_of(self, piece: int) -> Taken:
        clock = _Clock()
        digest = hashlib.sha256()
        for part in self._read(piece):
            digest.update(part)
        digest.digest()
        return clock.taken()

    def _read(self, piece: int) -> Iterator[bytes]:
        with self._file.open("rb", buffering=0) as file:
            while part := file.read(piece):
                yield part


class _Clock:
    def __init__(self) -> None:
        self._began = Taken(time.process_time(), time.perf_counter())

    def taken(self) -> Taken:
        return Taken(time.process_time() - self._began.processor, time.perf_counter() - self._began.wall)


def main() -> None:
    args = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "file"
        _write(file, args.megabytes)
        peer = Peer(args.peer or _install(Path(temporary)), file)
        try:
            result = _compare(Ours(file), peer, args.rounds)
        finally:
            peer.close()
    result = {"megabytes": args.megabytes, "rounds": args.rounds, **result, "machine": _machine()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _compare(ours: Ours, peer: Peer, rounds: int) -> dict[str, Any]:
    verbs: dict[str, Timed] = {
        "ours": ours.cid_of,
        "to blocks": ours.blocks_of,
        "sha256 alone": ours.hash_of,
        PEER: peer.cid_of,
    }
    pieces = {name: _fastest_piece(verb) for name, verb in verbs.items()}
    taken: dict[str, list[Taken]] = {name: [] for name in verbs}
    for _ in range(rounds):
        for name, verb in verbs.items():
            taken[name].append(verb(pieces[name]))
    if ours.cid != peer.cid:
        raise SystemExit(f"the CIDs differ: {ours.cid} and {peer.cid}")
    return {
        "goal": {f"{PEER} by ours, processor": 1.0},
        f"{PEER} by ours": {name: _ratios(taken[PEER], all_) for name, all_ in taken.items() if name != PEER},
        "seconds": {name: _spreads(all_) for name, all_ in taken.items()},
        "bytes of a read": pieces,
        "cid": ours.cid,
    }


def _fastest_piece(verb: Timed) -> int:
    """The first turn of each is for warming up."""
    least = {piece: min([verb(piece).processor for _ in range(4)][1:]) for piece in PIECES}
    return min(least, key=least.__getitem__)


def _ratios(peer: list[Taken], ours: list[Taken]) -> dict[str, float]:
    pairs = list(zip(peer, ours, strict=True))
    return {
        "processor": round(statistics.median(theirs.processor / own.processor for theirs, own in pairs), 2),
        "wall": round(statistics.median(theirs.wall / own.wall for theirs, own in pairs), 2),
    }


def _spreads(taken: list[Taken]) -> dict[str, dict[str, float]]:
    return {
        "processor": _spread([each.processor for each in taken]),
        "wall": _spread([each.wall for each in taken]),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 4), "least": round(min(seconds), 4)}


def _write(file: Path, megabytes: int) -> None:
    with file.open("wb") as target:
        for index in range(megabytes):
            target.write(hashlib.shake_128(index.to_bytes(8)).digest(1_000_000))


def _install(folder: Path) -> Path:
    command = ["npm", "install", "--ignore-scripts", "--omit=optional", "--no-package-lock", "--silent"]
    subprocess.run([*command, "--prefix", str(folder), f"{PEER}@{PEER_VERSION}"], check=True)
    return folder


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdout is None or process.stdin is None:
        raise SystemExit("the peer has no pipes")
    return process.stdout, process.stdin


def _machine() -> dict[str, Any]:
    asked = ["node", "-p", "JSON.stringify(process.versions)"]
    versions = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "node": versions["node"],
        "node's openssl": versions["openssl"],
        PEER: PEER_VERSION,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peer", type=Path, help=f"a folder whose node_modules hold {PEER} {PEER_VERSION}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
