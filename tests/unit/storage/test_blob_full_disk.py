"""A disk without room: a clear error, nothing half-written, and everything goes on once there is room again."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitex.errors import StorageFull, Unavailable
from storage.blobs import LocalBlobStore
from storage.durable import DraftFile, open_draft

MANY = b"x" * 300_000


class SmallDisk:
    """Opens files on a disk that takes `room` bytes in all."""

    def __init__(self, room: int, error: int = errno.ENOSPC) -> None:
        self.room = room
        self.error = error

    def __call__(self, path: Path) -> DraftFile:
        return _Metered(open_draft(path), self)


class _Metered:
    def __init__(self, file: DraftFile, disk: SmallDisk) -> None:
        self._file, self._disk = file, disk
        self.flush, self.fileno, self.close = file.flush, file.fileno, file.close

    def write(self, chunk: bytes) -> int:
        taken = min(len(chunk), self._disk.room)
        self._disk.room -= taken
        self._file.write(chunk[:taken])
        if taken < len(chunk):
            raise OSError(self._disk.error, os.strerror(self._disk.error))
        return taken


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def _pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
async def test_without_room_nothing_is_half_written(tmp_path: Path, error: int) -> None:
    disk = SmallDisk(100_000, error)
    store = LocalBlobStore(tmp_path, disk)
    with pytest.raises(StorageFull, match="no room"):
        await store.put(MANY)
    disk.room = 100_000
    with pytest.raises(StorageFull, match="no room"):
        await store.put_stream(_pieces(MANY, 30_000))
    assert _files(tmp_path) == []
    disk.room = 10**6
    sha256, size = await store.put_stream(_pieces(MANY, 30_000))
    assert (sha256, size) == (hashlib.sha256(MANY).hexdigest(), len(MANY))
    assert await store.get(sha256) == MANY


async def test_another_failure_is_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        await LocalBlobStore(tmp_path, SmallDisk(10, errno.EIO)).put(MANY)
    assert not isinstance(caught.value, StorageFull)
    assert _files(tmp_path) == []


async def test_without_room_the_bytes_that_are_there_stay(tmp_path: Path) -> None:
    sha256 = await LocalBlobStore(tmp_path).put(MANY)
    full = LocalBlobStore(tmp_path, SmallDisk(10))
    with pytest.raises(StorageFull):
        await full.put(MANY)
    assert await full.get(sha256) == MANY


# A file system of its own, in a mount namespace of its own, so that nothing else sees it.
FILL = """
import asyncio, pathlib, sys
from gitex.errors import StorageFull
from storage.blobs import LocalBlobStore

async def main(folder):
    store = LocalBlobStore(folder)
    small = await store.put(b"small")
    async def much():
        for _ in range(64):
            yield bytes(65536)
    for attempt in (store.put(bytes(4 << 20)), store.put_stream(much())):
        try:
            await attempt
        except StorageFull as full:
            print("full:", full.message)
    assert await store.get(small) == b"small"
    print([path.name for path in folder.rglob("*") if path.is_file()] == [small])

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""
MOUNTABLE = shutil.which("unshare") is not None and os.geteuid() == 0


@pytest.mark.skipif(not MOUNTABLE, reason="only root may mount; the small disk above shows the same")
def test_a_real_disk_that_is_full_is_told_and_kept_clean(tmp_path: Path) -> None:
    command = f'mount -t tmpfs -o size=1m gitex "{tmp_path}" && exec "{sys.executable}" -c "$0" "{tmp_path}"'
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, FILL], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.startswith("full: the blob store has no room") for line in lines[:2]] == [True, True]
    assert lines[2:] == ["True"]


async def test_a_hundred_megabytes_pass_through_little_memory(tmp_path: Path) -> None:
    async def zeros() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(10**6)

    store = LocalBlobStore(tmp_path)
    tracemalloc.start()
    try:
        sha256, size = await store.put_stream(zeros())
        read = 0
        async for chunk in store.read(sha256):
            read += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == read == 10**8
    assert peak < 8 * 10**6


async def test_drafts_of_a_writer_that_died_are_swept_once_they_are_old(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    kept = await store.put(b"kept")
    for place in (tmp_path / ".incoming", tmp_path / kept[:2]):
        place.mkdir(exist_ok=True)
        (place / ".0123.tmp").write_bytes(b"half")
    assert await store.sweep(time.time() - 60) == 0
    assert await store.sweep(time.time() + 60) == 8
    assert [path.name for path in _files(tmp_path)] == [kept]
