"""The embedded prompt cache and single flight: real Ray actors, which may be killed."""

import asyncio
import itertools
import time

import ray

from deployments.cache import NAMESPACE, ActorPromptCache
from deployments.flights import ActorFlights
from gitex.errors import Unavailable
from gitex.flights import Held, Landed, Lease
from gitex.ports import CacheEntry
from tests.fakes.redis_side import eventually
from tests.fakes.stores import MemoryRecorder


async def _lease(flights: ActorFlights, digest: str) -> Lease:
    """Patient, since an actor that was just started answers late."""
    await eventually(lambda: _answers(flights), seconds=60)
    claim = await flights.claim(digest)
    assert isinstance(claim, Lease)
    return claim


async def _answers(flights: ActorFlights) -> bool:
    try:
        await flights.check()
    except Unavailable:
        return False
    return True


async def test_processes_share_leases_and_results(base_url: str) -> None:
    one, other = ActorFlights(), ActorFlights()
    lease = await _lease(one, "actor test 1")
    assert isinstance(await other.claim(lease.digest), Held)
    waiting = asyncio.create_task(other.wait(lease.digest, 2.0))
    await asyncio.sleep(0.2)
    began = time.perf_counter()
    assert await one.renew(lease)
    assert await one.land(lease, "ast_1")
    await waiting
    assert time.perf_counter() - began < 1.0
    assert await other.claim(lease.digest) == Landed("ast_1")
    assert not await one.land(lease, "ast_2")


async def test_waits_do_not_keep_others_from_acting(base_url: str) -> None:
    flights = ActorFlights()
    lease = await _lease(flights, "actor test 2")
    waiting = [asyncio.create_task(flights.wait(lease.digest, 30.0)) for _ in range(200)]
    await asyncio.sleep(0.2)
    await flights.release(lease)
    await asyncio.gather(*waiting)
    assert isinstance(await flights.claim(lease.digest), Lease)


async def test_a_killed_actor_comes_back_with_larger_tokens_and_old_leases_are_void(base_url: str) -> None:
    flights = ActorFlights()
    old = await _lease(flights, "actor test 3")
    ray.kill(ray.get_actor("flights", NAMESPACE), no_restart=False)
    probes = (f"actor test probe {number}" for number in itertools.count())

    async def forgot() -> bool:
        try:
            claim = await flights.claim(next(probes))
        except Unavailable:
            return False
        return isinstance(claim, Lease) and claim.token > old.token + 1000

    await eventually(forgot, seconds=60)
    new = await _lease(flights, "actor test 3")
    assert new.token > old.token
    assert not await flights.land(old, "ast_old")
    assert await flights.land(new, "ast_new")
    await flights.check()


async def test_the_cache_keeps_entries_with_and_without_their_pictures(base_url: str) -> None:
    cache = ActorPromptCache(10**6, 60.0, MemoryRecorder())
    entries = {"actor test a": CacheEntry("ast_1", b"picture"), "actor test b": CacheEntry("ast_2", None)}
    for digest, entry in entries.items():
        cache.put(digest, entry)
    await cache.check()
    assert {digest: await cache.get(digest) for digest in entries} == entries
