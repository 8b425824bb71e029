"""The prompt cache against real servers that are well, killed, stopped, full and mad."""

import asyncio
import secrets
import time

import pytest

from gitex.errors import Unavailable
from gitex.metrics import CACHE_DEGRADED, CACHE_FAILURES
from gitex.ports import CacheEntry
from storage import redis_cache
from storage.redis_link import READ_SECONDS
from tests.fakes.redis_server import RedisServer
from tests.fakes.redis_side import INLINE_BYTES, Side, eventually

ENTRY = CacheEntry("ast_1", b"picture")
# What a busy machine may add to a time that we promise; the least of several is held to the promise itself.
SLACK = 0.3


async def _is_kept(side: Side, digest: str, entry: CacheEntry) -> bool:
    return await side.cache.get(digest) == entry


async def _is_well(side: Side) -> bool:
    return side.link.problem is None


async def _timed(side: Side, digest: str) -> tuple[CacheEntry | None, float]:
    began = time.perf_counter()
    entry = await side.cache.get(digest)
    return entry, time.perf_counter() - began


def _failures(side: Side, operation: str, reason: str) -> float:
    return side.recorder.counted(CACHE_FAILURES.name, operation=operation, reason=reason)


async def test_on_the_usual_server_an_entry_makes_the_round_trip_to_another_process() -> None:
    prefix = f"gitex-test-{secrets.token_hex(6)}:"
    sides = [Side("redis://127.0.0.1:6379/0", prefix) for _ in range(2)]
    try:
        sides[0].cache.put("d", ENTRY)
        await eventually(lambda: _is_kept(sides[1], "d", ENTRY))
        assert await sides[1].cache.get("other") is None
    finally:
        await sides[0].link.ask("write", 1.0, "DEL", f"{prefix}prompt:d")
        for side in sides:
            await side.close()


async def test_a_process_reads_what_it_put_before_it_is_written(side: Side) -> None:
    side.cache.put("d", ENTRY)
    assert await side.cache.get("d") == ENTRY
    newer = CacheEntry("ast_2", b"newer")
    side.cache.put("d", newer)
    assert await side.cache.get("d") == newer
    await eventually(lambda: _is_kept(side, "d", newer))


async def test_the_last_of_two_puts_is_the_one_that_stays(side: Side, other: Side) -> None:
    side.cache.put("d", ENTRY)
    await asyncio.sleep(0)
    side.cache.put("d", CacheEntry("ast_2", b"newer"))
    await eventually(lambda: _is_kept(other, "d", CacheEntry("ast_2", b"newer")))


async def test_a_large_picture_is_kept_by_its_id_only(side: Side, other: Side, server: RedisServer) -> None:
    side.cache.put("at the limit", CacheEntry("ast_1", b"x" * INLINE_BYTES))
    side.cache.put("above", CacheEntry("ast_2", b"x" * (INLINE_BYTES + 1)))
    await eventually(lambda: _is_kept(other, "above", CacheEntry("ast_2", None)))
    assert await _is_kept(other, "at the limit", CacheEntry("ast_1", b"x" * INLINE_BYTES))
    left_ms = server.ask("PTTL", "gitex:prompt:above")
    assert isinstance(left_ms, int)
    assert 50_000 < left_ms <= 60_000


async def test_a_read_is_one_round_trip(side: Side, server: RedisServer) -> None:
    await side.cache.get("warm")
    before = server.ask("INFO", "commandstats")
    for number in range(10):
        await side.cache.get(f"d{number}")
    after = server.ask("INFO", "commandstats")
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    assert {name: count for name, count in calls.items() if count and name != "cmdstat_info"} == {"cmdstat_get": 10}


async def test_a_killed_server_costs_nothing_and_is_used_again_when_it_is_back(side: Side, server: RedisServer) -> None:
    side.cache.put("d", ENTRY)
    await side.cache.close()
    server.kill()
    entry, _ = await _timed(side, "d")
    assert entry is None
    began = time.perf_counter()
    assert [await side.cache.get("d") for _ in range(200)] == [None] * 200
    assert time.perf_counter() - began < 0.5
    side.cache.put("lost", ENTRY)
    with pytest.raises(Unavailable, match="Redis is gone"):
        await side.link.check()
    assert side.recorder.gauges[CACHE_DEGRADED.name] == 1
    assert _failures(side, "read", "skipped") > 100
    server.start()
    await eventually(lambda: _is_well(side))
    side.cache.put("d", ENTRY)
    await eventually(lambda: _is_kept(side, "d", ENTRY))
    await side.link.check()
    assert side.recorder.gauges[CACHE_DEGRADED.name] == 0


async def test_a_server_that_was_never_there_keeps_nobody_from_starting(server: RedisServer) -> None:
    server.kill()
    side = Side(server.url)
    try:
        assert await side.cache.get("d") is None
        server.start()
        await eventually(lambda: _is_well(side))
    finally:
        await side.close()


async def test_a_server_that_hangs_costs_its_budget_once(hurried: Side, server: RedisServer) -> None:
    await hurried.cache.get("warm")
    server.hang()
    try:
        entry, seconds = await _timed(hurried, "d")
        assert entry is None
        assert READ_SECONDS * 0.9 < seconds < READ_SECONDS + SLACK
        began = time.perf_counter()
        for _ in range(200):
            await hurried.cache.get("d")
        assert time.perf_counter() - began < 0.5
        assert _failures(hurried, "read", "slow") == 1
    finally:
        server.go_on()
    await eventually(lambda: _is_well(hurried))
    hurried.cache.put("d", ENTRY)
    await eventually(lambda: _is_kept(hurried, "d", ENTRY))


async def test_the_budget_is_kept_to_a_few_milliseconds(server: RedisServer) -> None:
    server.hang()
    taken = []
    for _ in range(8):
        side = Side(server.url, hurried=True)
        taken.append((await _timed(side, "d"))[1])
        await side.close()
    server.go_on()
    assert READ_SECONDS * 0.9 < min(taken) < READ_SECONDS + 0.01


async def test_many_reads_at_once_of_a_hanging_server_end_within_one_budget(hurried: Side, server: RedisServer) -> None:
    server.hang()
    try:
        began = time.perf_counter()
        assert await asyncio.gather(*(hurried.cache.get(f"d{n}") for n in range(100))) == [None] * 100
        assert time.perf_counter() - began < READ_SECONDS + SLACK
    finally:
        server.go_on()
    await eventually(lambda: _is_well(hurried))


async def test_no_connection_at_all_costs_one_budget() -> None:
    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    # With a password the client speaks at connecting already, so this is the time to connect.
    side = Side(f"redis://:secret@127.0.0.1:{silent.sockets[0].getsockname()[1]}/0", hurried=True)
    try:
        _, seconds = await _timed(side, "d")
        assert seconds < READ_SECONDS + SLACK
    finally:
        await side.close()
        silent.close()


async def test_a_full_server_still_answers_reads_and_says_that_it_is_degraded(side: Side, server: RedisServer) -> None:
    side.cache.put("d", ENTRY)
    await side.cache.close()
    server.ask("CONFIG", "SET", "maxmemory", 1)
    side.cache.put("more", ENTRY)
    await side.cache.close()
    assert _failures(side, "write", "full") == 1
    assert await side.cache.get("d") == ENTRY
    with pytest.raises(Unavailable, match="Redis is full"):
        await side.link.check()
    assert side.recorder.gauges[CACHE_DEGRADED.name] == 1
    server.ask("CONFIG", "SET", "maxmemory", 0)
    await side.link.check()
    assert side.link.problem is None
    assert side.recorder.gauges[CACHE_DEGRADED.name] == 0


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-7\r\n", b":\r\n", b"$999999999999\r\nx", b"\x00" * 64]
)
async def test_a_server_that_speaks_something_else_is_a_miss(answer: bytes) -> None:
    async def mad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(mad, "127.0.0.1", 0)
    side = Side(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", hurried=True)
    try:
        for _ in range(3):
            entry, seconds = await _timed(side, "d")
            assert entry is None
            assert seconds < READ_SECONDS + SLACK
        with pytest.raises(Unavailable):
            await side.link.check()
    finally:
        await side.close()
        server.close()


async def test_values_of_others_under_our_keys_are_misses_and_no_trouble(side: Side, server: RedisServer) -> None:
    server.ask("SET", "gitex:prompt:text", "something else")
    server.ask("LPUSH", "gitex:prompt:list", "a")
    assert await side.cache.get("text") is None
    assert await side.cache.get("list") is None
    assert (_failures(side, "read", "garbage"), _failures(side, "read", "refused")) == (1, 1)
    assert side.link.problem is None


async def test_writes_are_bounded_and_never_waited_for(
    side: Side, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "WRITE_SECONDS", 0.05)
    server.hang()
    began = time.perf_counter()
    for number in range(redis_cache.MAX_WAITING + 30):
        side.cache.put(f"d{number}", ENTRY)
    assert time.perf_counter() - began < 0.05
    assert _failures(side, "write", "dropped") == 30
    await asyncio.sleep(0.2)
    server.go_on()
    await eventually(lambda: _is_well(side))


async def test_nothing_runs_on_after_close(server: RedisServer) -> None:
    before = asyncio.all_tasks()
    side = Side(server.url)
    side.cache.put("d", ENTRY)
    await side.news.wait("d", 0.05)
    server.kill()
    await side.cache.get("x")
    await side.close()
    assert asyncio.all_tasks() == before
