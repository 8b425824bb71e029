"""Bytes in a local folder, found by their SHA-256."""

import asyncio
import contextlib
import errno
import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path

from gitex.errors import AssetNotFound, CorruptBlob, StorageFull, Unavailable
from storage.durable import (
    Draft,
    DraftOpener,
    make_folder_durably,
    open_draft,
    remove_unless_written_since,
    write_durably,
)

CHUNK = 2**20
"""Most bytes that `read` gives at once."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalBlobStore:
    """Content-addressed files: `<folder>/ab/abcd...`. Several processes may share the folder.

    Implements `gitex.ports.BlobStore`. `opener` makes the files that are written to.
    """

    def __init__(self, folder: Path, opener: DraftOpener = open_draft) -> None:
        self._folder = folder
        self._opener = opener

    async def put(self, content: bytes) -> str:
        """Store `content` and return its SHA-256 in hex; when this returns, the bytes survive a crash.

        Raises `Unavailable` if the disk does not take them, `StorageFull` if it has no room.
        """
        return await asyncio.to_thread(self._write, content)

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> tuple[str, int]:
        """As `put`, chunk by chunk; returns SHA-256 and size in bytes."""
        digest, size = hashlib.sha256(), 0
        draft = await asyncio.to_thread(self._new_draft)
        try:
            async for chunk in chunks:
                size += len(chunk)
                await asyncio.to_thread(_append, draft, digest.update, chunk)
            await asyncio.to_thread(self._place, draft, digest.hexdigest())
        finally:
            await asyncio.to_thread(draft.discard)
        return digest.hexdigest(), size

    async def get(self, sha256: str) -> bytes:
        """The bytes of that SHA-256, checked against it.

        Raises `AssetNotFound` if they are missing, `CorruptBlob` if they are no longer what was stored, `Unavailable`
        if the disk fails.
        """
        return await asyncio.to_thread(self._read, sha256)

    async def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` on, at most `length`, unchecked, in chunks. Raises as `get`, without `CorruptBlob`."""
        path = self._checked_path(sha256)
        end = None if length is None else start + length
        while end is None or start < end:
            chunk = await asyncio.to_thread(_slice, path, start, CHUNK if end is None else min(CHUNK, end - start))
            if not chunk:
                return
            yield chunk
            start += len(chunk)

    async def size(self, sha256: str) -> int | None:
        """How many bytes are kept under that name; None if there are none. Raises `Unavailable`."""
        return await asyncio.to_thread(self._size, sha256)

    async def delete(self, sha256: str, *, written_before: float | None = None) -> bool:
        """Forget the bytes unless they were written since `written_before` (Unix seconds). Raises `Unavailable`."""
        with _reading(sha256):
            path = self._checked_path(sha256)
            return await asyncio.to_thread(remove_unless_written_since, path, written_before)

    async def names(self) -> AsyncIterator[tuple[str, float]]:
        """The SHA-256 of all that is kept, with the Unix time when it was last written. Raises `Unavailable`."""
        for shard in range(256):
            for found in await asyncio.to_thread(self._shard, self._folder / f"{shard:02x}"):
                yield found

    async def sweep(self, written_before: float) -> int:
        """Remove drafts of writers that died before that Unix time; returns how many bytes. Raises `Unavailable`."""
        return await asyncio.to_thread(self._sweep, written_before)

    def _write(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._folder / sha256[:2] / sha256
        with _writing():
            make_folder_durably(path.parent)
            # Also when the file is there already: this heals a corrupt one, and the other writer may not have synced.
            write_durably(path, content, self._opener)
        return sha256

    def _new_draft(self) -> Draft:
        with _writing():
            make_folder_durably(self._folder / _INCOMING)
            return Draft(self._folder / _INCOMING, self._opener)

    def _place(self, draft: Draft, sha256: str) -> None:
        with _writing():
            make_folder_durably(self._folder / sha256[:2])
            draft.place(self._folder / sha256[:2] / sha256)

    def _read(self, sha256: str) -> bytes:
        path = self._checked_path(sha256)
        with _reading(sha256):
            content = path.read_bytes()
        check(content, sha256)
        return content

    def _size(self, sha256: str) -> int | None:
        try:
            with _reading(sha256):
                return self._checked_path(sha256).stat().st_size
        except AssetNotFound:
            return None

    def _shard(self, folder: Path) -> list[tuple[str, float]]:
        with _reading(folder.name):
            if not folder.is_dir():
                return []
            files = [path for path in folder.iterdir() if is_name(path.name)]
            return [(path.name, moment) for path in files if (moment := _written(path)) is not None]

    def _sweep(self, written_before: float) -> int:
        freed = 0
        with _reading("draft"):
            for draft in self._folder.glob("*/.*.tmp"):
                with contextlib.suppress(FileNotFoundError):
                    status = draft.stat()
                    if status.st_mtime < written_before:
                        draft.unlink()
                        freed += status.st_size
        return freed

    def _checked_path(self, sha256: str) -> Path:
        check_name(sha256)
        return self._folder / sha256[:2] / sha256


def is_name(text: str) -> bool:
    """Whether `text` is a SHA-256 in hex."""
    return _SHA256.fullmatch(text) is not None


def check_name(text: str) -> None:
    """Raise `AssetNotFound` if `text` is no SHA-256: it may come from a caller, and becomes a path."""
    if not is_name(text):
        raise AssetNotFound(f"{text!r} is not a SHA-256")


def check(content: bytes, sha256: str) -> None:
    """Raise `CorruptBlob` if these are not the bytes of that name."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CorruptBlob(f"blob {sha256} is corrupt: its bytes are not the ones that were stored")


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in _FULL:
            raise StorageFull(f"the blob store has no room: {problem}") from problem
        raise Unavailable(f"the blob store cannot write: {problem}") from problem


@contextlib.contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as problem:
        raise AssetNotFound(f"blob {what} is missing") from problem
    except OSError as problem:
        raise Unavailable(f"the blob store cannot read: {problem}") from problem


def _append(draft: Draft, update: Callable[[bytes], None], chunk: bytes) -> None:
    with _writing():
        draft.write(chunk)
    update(chunk)


def _slice(path: Path, start: int, length: int) -> bytes:
    with _reading(path.name), open(path, "rb") as file:
        file.seek(start)
        return file.read(length)


def _written(path: Path) -> float | None:
    """When, or None if it has gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
