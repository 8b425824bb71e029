"""A blob store that mends what it finds broken on a read, if the bytes are still kept elsewhere."""

import asyncio
import contextlib
import hashlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

from gitex.errors import AssetNotFound, CorruptBlob, GitexError, Unavailable
from gitex.metrics import CORRUPT_BLOBS
from gitex.ports import BlobStore, Recorder
from storage.blobs import is_name

log = logging.getLogger("gitex.storage")
Refetch = Callable[[str], Awaitable[bytes | None]]
"""Gets the bytes of that SHA-256 from somewhere else; None if nobody has them."""


class HealingBlobStore:
    """A `gitex.ports.BlobStore` over another one: broken or missing bytes are reported, refetched, and never served."""

    def __init__(self, blobs: BlobStore, refetch: Refetch, recorder: Recorder) -> None:
        self._blobs = blobs
        self._refetch = refetch
        self._recorder = recorder
        # Readers of one broken blob wait for one refetch.
        self._mending: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def put(self, content: bytes) -> str:
        """As the store below."""
        return await self._blobs.put(content)

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> tuple[str, int]:
        """As the store below."""
        return await self._blobs.put_stream(chunks)

    async def get(self, sha256: str) -> bytes:
        """The bytes, checked; refetched if they are broken or gone.

        Raises what the store below raises if nobody else has them, and `Unavailable` if it fails.
        """
        try:
            return await self._blobs.get(sha256)
        except AssetNotFound as problem:
            if not is_name(sha256):
                raise
            return await self._mended(sha256, problem)

    async def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """As the store below, of bytes that are there: a blob that is gone is refetched first."""
        if await self._blobs.size(sha256) is None and is_name(sha256):
            await self._mended(sha256, AssetNotFound(f"blob {sha256} is missing"))
        async for chunk in self._blobs.read(sha256, start, length):
            yield chunk

    async def size(self, sha256: str) -> int | None:
        """As the store below."""
        return await self._blobs.size(sha256)

    async def delete(self, sha256: str, *, written_before: float | None = None) -> bool:
        """As the store below."""
        return await self._blobs.delete(sha256, written_before=written_before)

    def names(self) -> AsyncIterator[tuple[str, float]]:
        """As the store below."""
        return self._blobs.names()

    async def sweep(self, written_before: float) -> int:
        """As the store below."""
        return await self._blobs.sweep(written_before)

    async def _mended(self, sha256: str, problem: AssetNotFound) -> bytes:
        lock = self._mending[sha256]
        try:
            async with lock:
                return await self._mend(sha256, problem)
        finally:
            if not lock.locked():
                self._mending.pop(sha256, None)

    async def _mend(self, sha256: str, problem: AssetNotFound) -> bytes:
        try:
            # Another reader may have mended it while this one waited.
            return await self._blobs.get(sha256)
        except AssetNotFound:
            content = await self._refetched(sha256)
        found = "corrupt" if isinstance(problem, CorruptBlob) else "missing"
        self._recorder.count(
            CORRUPT_BLOBS.name, 1, {"found": found, "outcome": "lost" if content is None else "healed"}
        )
        if content is None:
            log.error("blob %s is %s, and no pin has it", sha256, found)
            raise problem
        log.warning("blob %s was %s, and was refetched from a pin", sha256, found)
        with contextlib.suppress(Unavailable):
            # The bytes are right, also if this store cannot keep them now.
            await self._blobs.put(content)
        return content

    async def _refetched(self, sha256: str) -> bytes | None:
        try:
            content = await self._refetch(sha256)
        except GitexError as refused:
            log.warning("blob %s cannot be refetched: %s", sha256, refused.message)
            return None
        if content is not None and hashlib.sha256(content).hexdigest() != sha256:
            log.error("blob %s came back from a pin as other bytes", sha256)
            return None
        return content
