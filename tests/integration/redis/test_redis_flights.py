"""Leases and results in a real Redis: the same rules as in memory, and what happens when it is killed."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitex.errors import Unavailable
from gitex.flights import Held, Landed, Lease
from storage.flights import FlightTable
from tests.fakes.redis_server import RedisServer
from tests.fakes.redis_side import LEASE_SECONDS, Side, eventually


@contextmanager
def _running(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.close()


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds


async def _lease(side: Side, digest: str = "d") -> Lease:
    claim = await side.flights.claim(digest)
    assert isinstance(claim, Lease)
    return claim


async def test_one_leads_the_others_learn_who_and_then_what(side: Side, other: Side) -> None:
    lease = await _lease(side)
    held = await other.flights.claim("d")
    assert isinstance(held, Held)
    assert 0 < held.seconds <= LEASE_SECONDS
    assert await side.flights.land(lease, "ast_1")
    assert await other.flights.claim("d") == Landed("ast_1")
    assert isinstance(await other.flights.claim("d", gone="ast_1"), Lease)


async def test_a_follower_is_woken_at_once_by_landing_and_by_giving_up(side: Side, other: Side) -> None:
    await other.flights.wait("warm", 0.1)
    for landing in (True, False):
        lease = await _lease(side, f"d{landing}")
        waiting = asyncio.create_task(other.news.wait(f"d{landing}", 5.0))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await (side.flights.land(lease, "ast_1") if landing else side.flights.release(lease))
        await waiting
        assert time.perf_counter() - began < 0.5


async def test_a_dead_leaders_lease_ends_and_its_late_landing_is_refused(side: Side, other: Side) -> None:
    late = await _lease(side)
    began = time.perf_counter()
    while isinstance(claim := await other.flights.claim("d"), Held):
        await other.flights.wait("d", claim.seconds)
    assert LEASE_SECONDS * 0.9 < time.perf_counter() - began < LEASE_SECONDS + 0.4
    assert isinstance(claim, Lease)
    assert claim.token > late.token
    assert not await side.flights.renew(late)
    assert await other.flights.land(claim, "ast_told")
    assert not await side.flights.land(late, "ast_late")
    await side.flights.release(late)
    assert await side.flights.claim("d") == Landed("ast_told")


async def test_renewing_holds_a_lease_beyond_its_length(side: Side, other: Side) -> None:
    lease = await _lease(side)
    for _ in range(4):
        await asyncio.sleep(LEASE_SECONDS / 3)
        assert await side.flights.renew(lease)
    assert isinstance(await other.flights.claim("d"), Held)


async def test_many_claims_at_once_give_one_lease(side: Side, other: Side) -> None:
    claims = await asyncio.gather(*(s.flights.claim("d") for s in (side, other) * 20))
    assert sum(isinstance(claim, Lease) for claim in claims) == 1
    assert sum(isinstance(claim, Held) for claim in claims) == 39


async def test_tokens_rise_across_digests_and_across_a_crash_that_loses_all(side: Side, server: RedisServer) -> None:
    first = await _lease(side, "a")
    second = await _lease(side, "b")
    assert second.token == first.token + 1
    server.kill()
    with pytest.raises(Unavailable):
        await side.flights.claim("a")
    server.start()

    async def is_back() -> bool:
        return side.link.problem is None

    await eventually(is_back)
    after = await _lease(side, "a")
    assert after.token > second.token
    assert not await side.flights.renew(first)
    assert not await side.flights.land(first, "ast_old")
    assert await side.flights.land(after, "ast_new")


async def test_without_redis_a_claim_fails_at_once_and_waiting_ends(hurried: Side, server: RedisServer) -> None:
    server.hang()
    try:
        began = time.perf_counter()
        for _ in range(50):
            with pytest.raises(Unavailable):
                await hurried.flights.claim("d")
        assert time.perf_counter() - began < 0.3
        await hurried.flights.wait("d", 0.05)
    finally:
        server.go_on()


async def test_a_full_server_gives_no_leases_and_lets_go_of_those_it_gave(side: Side, server: RedisServer) -> None:
    lease = await _lease(side)
    server.ask("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(Unavailable, match="full"):
        await side.flights.claim("other")
    with pytest.raises(Unavailable, match="full"):
        await side.flights.land(lease, "ast_1")
    await side.flights.release(lease)
    assert server.ask("EXISTS", "gitex:flight:d:lease") == 0


async def test_news_come_again_after_a_restart(side: Side, server: RedisServer) -> None:
    await side.flights.wait("d", 0.1)
    server.kill()
    await side.flights.wait("d", 0.1)
    server.start()

    async def hears() -> bool:
        began = time.perf_counter()
        waiting = asyncio.create_task(side.news.wait("d", 1.0))
        await asyncio.sleep(0.01)
        server.ask("PUBLISH", "gitex:flights", "d")
        await waiting
        return time.perf_counter() - began < 0.5

    await eventually(hears)


# What a participant does: an action, of which digest, with which of the leases that it was given.
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "claim", "claim gone", "renew", "land", "release", "expire"]),
        st.sampled_from("ab"),
        st.integers(0, 5),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with _running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_the_scripts_do_as_the_table_in_any_order(long_lived: RedisServer, actions: list[tuple[str, str, int]]) -> None:
    long_lived.ask("FLUSHALL")
    asyncio.run(_compare(long_lived, actions))


async def _compare(server: RedisServer, actions: list[tuple[str, str, int]]) -> None:
    """Run the actions in both; time passes only where a lease is made to expire in both."""
    clock = FakeClock()
    table = FlightTable(clock, first_token=1, lease_s=60.0, result_s=10.0**9)
    side = Side(server.url, lease_s=60.0)
    leases: list[tuple[Lease, Lease]] = []
    try:
        for action, digest, number in actions:
            lease = leases[number % len(leases)] if leases else None
            if action.startswith("claim"):
                gone = f"ast_{number}" if action == "claim gone" else None
                expected, found = table.claim(digest, gone), await side.flights.claim(digest, gone)
                assert type(found) is type(expected)
                assert not isinstance(found, Landed) or found == expected
                if isinstance(expected, Lease) and isinstance(found, Lease):
                    assert found.token > max((token.token for _, token in leases), default=0)
                    leases.append((expected, found))
            elif action == "expire":
                clock.seconds += 60.0
                for one in "ab":
                    server.ask("DEL", f"gitex:flight:{one}:lease")
            elif lease is not None and action == "renew":
                assert await side.flights.renew(lease[1]) == table.renew(lease[0])
            elif lease is not None and action == "land":
                asset_id = f"ast_{number}"
                assert await side.flights.land(lease[1], asset_id) == table.land(lease[0], asset_id)
            elif lease is not None:
                table.release(lease[0])
                await side.flights.release(lease[1])
    finally:
        await side.close()
