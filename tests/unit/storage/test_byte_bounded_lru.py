"""The embedded prompt cache against a slow and obvious model of it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gitex.ports import CacheEntry
from storage.cache import ByteBoundedLru

BOUND = 100
TTL = 60.0


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds


def _size(digest: str, entry: CacheEntry) -> int:
    return len(digest) + len(entry.asset_id) + len(entry.content or b"")


@dataclass
class Model:
    """A list in order of use, oldest first: (digest, entry, moment of the put)."""

    rows: list[tuple[str, CacheEntry, float]] = field(default_factory=list)

    def take(self, digest: str) -> tuple[str, CacheEntry, float] | None:
        found = [row for row in self.rows if row[0] == digest]
        self.rows = [row for row in self.rows if row[0] != digest]
        return found[0] if found else None

    def used(self) -> int:
        return sum(_size(digest, entry) for digest, entry, _ in self.rows)


class LruMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.cache = ByteBoundedLru(BOUND, TTL, self.clock)
        self.model = Model()

    @rule(digest=st.sampled_from("abcdef"), length=st.integers(0, 110), mark=st.integers(0, 255))
    def put(self, digest: str, length: int, mark: int) -> None:
        entry = CacheEntry(f"ast{mark % 10}", bytes([mark]) * length)
        self.cache.put(digest, entry)
        self.model.take(digest)
        if _size(digest, entry) > BOUND:
            return
        self.model.rows.append((digest, entry, self.clock.seconds))
        while self.model.used() > BOUND:
            self.model.rows.pop(0)

    @rule(digest=st.sampled_from("abcdef"))
    def get(self, digest: str) -> None:
        row = self.model.take(digest)
        if row is not None and self.clock.seconds - row[2] >= TTL:
            row = None
        if row is not None:
            self.model.rows.append(row)
        assert self.cache.get(digest) == (row[1] if row else None)

    @precondition(lambda self: self.clock.seconds < 1000)
    @rule(seconds=st.sampled_from([1.0, 29.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @invariant()
    def the_bound_holds_and_is_counted_right(self) -> None:
        assert self.cache.bytes_used == self.model.used() <= BOUND
        assert len(self.cache) == len(self.model.rows)


TestLru = LruMachine.TestCase
TestLru.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_least_recently_used_leaves_first() -> None:
    cache = ByteBoundedLru(30, TTL, FakeClock())
    for digest in "abc":
        cache.put(digest, CacheEntry("", b"123456789"))
    assert cache.get("a") is not None
    cache.put("d", CacheEntry("", b"123456789"))
    assert [cache.get(digest) is not None for digest in "abcd"] == [True, False, True, True]


def test_an_entry_above_the_whole_bound_is_not_kept_and_evicts_only_its_own_old_value() -> None:
    cache = ByteBoundedLru(30, TTL, FakeClock())
    cache.put("a", CacheEntry("", b"old"))
    cache.put("b", CacheEntry("", b"other"))
    cache.put("a", CacheEntry("", b"x" * 30))
    assert cache.get("a") is None
    assert cache.get("b") == CacheEntry("", b"other")


def test_reading_does_not_make_an_entry_younger() -> None:
    clock = FakeClock()
    cache = ByteBoundedLru(30, TTL, clock)
    cache.put("a", CacheEntry("", b"x"))
    clock.seconds = 59.9
    assert cache.get("a") is not None
    clock.seconds = 60.0
    assert cache.get("a") is None
    assert cache.bytes_used == 0


@pytest.mark.parametrize(("max_bytes", "ttl"), [(0, 1.0), (1, 0.0)])
def test_bounds_must_be_positive(max_bytes: int, ttl: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        ByteBoundedLru(max_bytes, ttl, FakeClock())
