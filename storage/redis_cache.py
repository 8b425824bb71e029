"""The prompt cache of a cluster, in Redis: a spec's digest to its asset's id, small pictures beside it."""

import asyncio
from contextlib import suppress

from gitex.errors import Unavailable
from gitex.metrics import CACHE_FAILURES
from gitex.ports import CacheEntry, Recorder
from storage.redis_link import RedisLink

WRITE_SECONDS = 0.25
MAX_WAITING = 128
# A value is this, the asset's id, and, if the picture is kept, a line feed and its bytes.
_MAGIC = b"gitex1 "
_LONGEST_ID = 128


class RedisPromptCache:
    """A `gitex.ports.PromptCache`. What Redis cannot do is a miss; the request goes on.

    Pictures of more than `inline_bytes` are kept by id only. Writes wait in a bounded line that one task empties; what
    waits there is already found by this process's own reads.
    """

    def __init__(
        self, link: RedisLink, recorder: Recorder, ttl_s: float, inline_bytes: int, prefix: str = "gitex:"
    ) -> None:
        self._link = link
        self._recorder = recorder
        self._ttl_ms = max(1, int(ttl_s * 1000))
        self._inline_bytes = inline_bytes
        self._prefix = f"{prefix}prompt:"
        self._waiting: dict[str, CacheEntry] = {}
        self._writing: asyncio.Task[None] | None = None

    async def get(self, digest: str) -> CacheEntry | None:
        """One round trip at most, within the link's budget for reads."""
        if (waiting := self._waiting.get(digest)) is not None:
            return waiting
        try:
            value = await self._link.ask("read", self._link.read_s, "GET", self._prefix + digest)
        except Unavailable:
            return None
        if value is None:
            return None
        entry = decode(value)
        if entry is None:
            self._link.distrust("read")
        return entry

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Line the entry up for writing; dropped when too many wait."""
        if digest not in self._waiting and len(self._waiting) >= MAX_WAITING:
            self._recorder.count(CACHE_FAILURES.name, 1, {"operation": "write", "reason": "dropped"})
            return
        if entry.content is not None and len(entry.content) > self._inline_bytes:
            entry = CacheEntry(entry.asset_id, None)
        self._waiting[digest] = entry
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what waits, if that is quick."""
        if self._writing is None:
            return
        await asyncio.wait([self._writing], timeout=WRITE_SECONDS)
        self._writing.cancel()
        await asyncio.wait([self._writing])

    async def _write(self) -> None:
        while self._waiting:
            digest, entry = next(iter(self._waiting.items()))
            command = ("SET", self._prefix + digest, encode(entry), "PX", self._ttl_ms)
            # The link counts what fails; the picture is durable elsewhere.
            with suppress(Unavailable):
                await self._link.ask("write", WRITE_SECONDS, *command)
            if self._waiting.get(digest) is entry:
                del self._waiting[digest]


def encode(entry: CacheEntry) -> bytes:
    """An entry as a value."""
    head = _MAGIC + entry.asset_id.encode()
    return head if entry.content is None else b"%b\n%b" % (head, entry.content)


def decode(value: object) -> CacheEntry | None:
    """The inverse of `encode`; None for anything that is not its result."""
    if not isinstance(value, bytes) or not value.startswith(_MAGIC):
        return None
    end = value.find(b"\n", 0, len(_MAGIC) + _LONGEST_ID + 1)
    asset_id = value[len(_MAGIC) :] if end < 0 else value[len(_MAGIC) : end]
    if not 0 < len(asset_id) <= _LONGEST_ID or not asset_id.isascii():
        return None
    return CacheEntry(asset_id.decode(), None if end < 0 else value[end + 1 :])
