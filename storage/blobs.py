"""Bytes in a local folder, found by their SHA-256."""

import asyncio
import hashlib
import re
from pathlib import Path

from gitex.errors import AssetNotFound, Unavailable
from storage.durable import make_folder_durably, write_durably

_SHA256 = re.compile(r"[0-9a-f]{64}")


class LocalBlobStore:
    """Content-addressed files: `<folder>/ab/abcd...`. Several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, content: bytes) -> str:
        """Store `content` and return its SHA-256 in hex; when this returns, the bytes survive a crash.

        Raises `Unavailable` if the disk does not take them.
        """
        return await asyncio.to_thread(self._write, content)

    async def get(self, sha256: str) -> bytes:
        """The bytes of that SHA-256, checked against it.

        Raises `AssetNotFound` if they are missing or are no longer what was stored, `Unavailable` if the disk fails.
        """
        return await asyncio.to_thread(self._read, sha256)

    def _write(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        try:
            make_folder_durably(path.parent)
            # Also when the file is there already: this heals a corrupt one, and the other writer may not have synced.
            write_durably(path, content)
        except OSError as problem:
            raise Unavailable(f"the blob store cannot write: {problem}") from problem
        return sha256

    def _read(self, sha256: str) -> bytes:
        if _SHA256.fullmatch(sha256) is None:
            raise AssetNotFound(f"{sha256!r} is not a SHA-256")
        try:
            content = self._path(sha256).read_bytes()
        except FileNotFoundError as problem:
            raise AssetNotFound(f"blob {sha256} is missing") from problem
        except OSError as problem:
            raise Unavailable(f"the blob store cannot read: {problem}") from problem
        if hashlib.sha256(content).hexdigest() != sha256:
            raise AssetNotFound(f"blob {sha256} is corrupt: its bytes are not the ones that were stored")
        return content

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256
