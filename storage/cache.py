"""The embedded prompt cache: least recently used leaves first, bounded by bytes and by age."""

from collections import OrderedDict
from dataclasses import dataclass

from gitex.ports import CacheEntry, Clock


@dataclass(frozen=True)
class _Kept:
    entry: CacheEntry
    size: int
    expires: float


class ByteBoundedLru:
    """Finished pictures by spec digest. Not thread-safe: one owner (an actor, an event loop) calls it.

    An entry counts its content, its asset id and its digest, in bytes. It may be read for `ttl_s` seconds after it was
    put; reading it does not make it younger. Raises `ValueError` for bounds that are not positive.
    """

    def __init__(self, max_bytes: int, ttl_s: float, clock: Clock) -> None:
        if max_bytes <= 0 or ttl_s <= 0:
            raise ValueError("the bounds of a cache must be positive")
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes_used(self) -> int:
        """Never above `max_bytes`."""
        return self._bytes

    def get(self, digest: str) -> CacheEntry | None:
        """The entry that was put last for `digest`, unless it was evicted or is too old."""
        kept = self._kept.get(digest)
        if kept is None:
            return None
        if self._clock.now() >= kept.expires:
            self._drop(digest)
            return None
        self._kept.move_to_end(digest)
        return kept.entry

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Keep `entry`, dropping the least recently used ones to make room; one above the whole bound is not kept."""
        if digest in self._kept:
            self._drop(digest)
        size = len(entry.content or b"") + len(entry.asset_id.encode()) + len(digest.encode())
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[digest] = _Kept(entry, size, self._clock.now() + self._ttl_s)
        self._bytes += size

    def _drop(self, digest: str) -> None:
        self._bytes -= self._kept.pop(digest).size
