"""Bytes in any store that fsspec reaches (`s3://bucket/prefix`, ...), found by their SHA-256."""

import asyncio
import contextlib
import errno
import hashlib
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import fsspec
from fsspec import AbstractFileSystem

from gitex.errors import AssetNotFound, GitexError, SettingsError, StorageFull, Unavailable
from storage.blobs import CHUNK, check, check_name, is_name

_T = TypeVar("_T")
_PART = 8 * 2**20
"""Bytes of one part of a large upload; so many are in memory, times `_PARTS_AT_ONCE`."""
_PARTS_AT_ONCE = 2
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_ATTEMPTS = 3
_S3 = {
    "default_block_size": _PART,
    "max_concurrency": _PARTS_AT_ONCE,
    "config_kwargs": {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"max_attempts": _ATTEMPTS, "mode": "standard"},
    },
}
_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_FULL_CODES = ("QuotaExceeded", "QuotaExceededException", "InsufficientCapacity", "XMinioStorageFull", "507")
_TIMES = ("LastModified", "mtime", "modified", "last_modified", "updated", "created")
"""What the file systems call the moment of the last write."""


class FsspecBlobStore:
    """Content-addressed objects: `<url>/ab/abcd...`. Implements `gitex.ports.BlobStore`.

    Meant for object stores, where an object appears in one step. Credentials and the endpoint are those that the
    store's own client finds; for S3 that is botocore's environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...).
    """

    def __init__(self, url: str, **options: Any) -> None:
        """`options` are the file system's own. Raises `SettingsError` if it is not installed or the URL is bad."""
        self._fs, self._root = _file_system(url, options)

    async def put(self, content: bytes) -> str:
        """Store `content` and return its SHA-256 in hex. Raises `Unavailable`, `StorageFull`."""
        sha256 = hashlib.sha256(content).hexdigest()
        await self._call(sha256, lambda: self._fs.pipe_file(self._path(sha256), content))
        return sha256

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> tuple[str, int]:
        """As `put`, chunk by chunk; returns SHA-256 and size in bytes. The way is by a file on this machine's disk."""
        digest, size = hashlib.sha256(), 0
        # The name, which is the digest, is known only at the end.
        with _mapped("stream"):
            spool = await asyncio.to_thread(tempfile.NamedTemporaryFile, prefix="gitex-blob-")
        try:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                await self._call("stream", partial(spool.write, chunk))
            await self._call(digest.hexdigest(), lambda: self._upload(spool, digest.hexdigest()))
        finally:
            await asyncio.to_thread(spool.close)
        return digest.hexdigest(), size

    async def get(self, sha256: str) -> bytes:
        """The bytes, checked. Raises `AssetNotFound`, `CorruptBlob`, `Unavailable`."""
        content: bytes = await self._call(sha256, lambda: self._fs.cat_file(self._path(sha256)))
        await asyncio.to_thread(check, content, sha256)
        return content

    async def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` on, at most `length`, unchecked, in chunks. Raises `AssetNotFound`, `Unavailable`."""
        size = await self.size(sha256)
        if size is None:
            raise AssetNotFound(f"blob {sha256} is missing")
        end = size if length is None else min(size, start + length)
        while start < end:
            stop = min(end, start + CHUNK)
            yield await self._call(sha256, partial(self._fs.cat_file, self._path(sha256), start=start, end=stop))
            start = stop

    async def size(self, sha256: str) -> int | None:
        """How many bytes are kept under that name; None if there are none. Raises `Unavailable`."""
        try:
            return int((await self._call(sha256, lambda: self._fs.info(self._path(sha256))))["size"])
        except AssetNotFound:
            return None

    async def delete(self, sha256: str, *, written_before: float | None = None) -> bool:
        """Forget the bytes unless they were written since `written_before` (Unix seconds). Raises `Unavailable`.

        Object stores cannot look and delete in one step: a `put` of the same bytes in the milliseconds between is lost.
        """
        try:
            info = await self._call(sha256, lambda: self._fs.info(self._path(sha256)))
            if written_before is not None and _written(info) >= written_before:
                return False
            await self._call(sha256, lambda: self._fs.rm_file(self._path(sha256)))
        except AssetNotFound:
            return False
        return True

    async def names(self) -> AsyncIterator[tuple[str, float]]:
        """The SHA-256 of all that is kept, with the Unix time when it was last written. Raises `Unavailable`."""
        for shard in await self._list(self._root):
            for info in await self._list(shard["name"]):
                if is_name(name := info["name"].rpartition("/")[2]):
                    yield name, _written(info)

    async def sweep(self, written_before: float) -> int:
        """Nothing: what is half-written is not in the store yet. A bucket has its own rule for unfinished uploads."""
        return 0

    async def _list(self, folder: str) -> list[dict[str, Any]]:
        try:
            return await self._call(folder, partial(self._fs.ls, folder, detail=True))
        except AssetNotFound:
            return []

    def _upload(self, spool: Any, sha256: str) -> None:
        spool.flush()
        options = {"chunksize": _PART} if "s3" in self._fs.protocol else {}
        self._fs.put_file(spool.name, self._path(sha256), **options)

    async def _call(self, what: str, call: Callable[[], _T]) -> _T:
        with _mapped(what):
            return await asyncio.to_thread(call)

    def _path(self, sha256: str) -> str:
        check_name(sha256)
        return f"{self._root}/{sha256[:2]}/{sha256}"


def _file_system(url: str, more: dict[str, Any]) -> tuple[AbstractFileSystem, str]:
    scheme = urlsplit(url).scheme
    try:
        # Other processes write too, so a listing must not be remembered.
        options = {"use_listings_cache": False, **(_S3 if scheme in ("s3", "s3a") else {}), **more}
        system, root = fsspec.url_to_fs(url, **options)
    except ImportError as problem:
        hint = "install the extra `s3` (make setup EXTRAS=s3)" if scheme in ("s3", "s3a") else str(problem)
        raise SettingsError(
            f"GITEX_BLOB_URL: {scheme}:// cannot be reached: {hint}", param="GITEX_BLOB_URL"
        ) from problem
    except (ValueError, OSError) as problem:
        raise SettingsError(f"GITEX_BLOB_URL cannot be used: {problem}", param="GITEX_BLOB_URL") from problem
    return system, root.rstrip("/")


@contextlib.contextmanager
def _mapped(what: str) -> Iterator[None]:
    """Every upstream exception becomes one of ours; which there are depends on the file system."""
    try:
        yield
    except GitexError:
        raise
    except FileNotFoundError as problem:
        raise AssetNotFound(f"blob {what} is missing") from problem
    except Exception as problem:
        if _is_full(problem):
            raise StorageFull(f"the blob store has no room: {problem}") from problem
        raise Unavailable(f"the blob store failed: {problem or type(problem).__name__}") from problem


def _is_full(problem: Exception) -> bool:
    if isinstance(problem, OSError) and problem.errno in _FULL_ERRORS:
        return True
    return any(code in str(each) for each in (problem, problem.__cause__) for code in _FULL_CODES)


def _written(info: dict[str, Any]) -> float:
    moment = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, int | float):
        return float(moment)
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).timestamp()
    raise Unavailable("the blob store does not say when its objects were written")
