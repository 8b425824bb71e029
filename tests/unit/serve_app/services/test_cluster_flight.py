"""Several processes with one cluster: who runs the engine, and what the others get."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gitex.errors import EngineFailure
from gitex.events import Queued
from gitex.metrics import CACHE_READS, FLIGHTS
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from serve_app.services.cluster_flight import ClusterFlights
from serve_app.services.generation import Generated, Generation, GenerationEvent
from storage.flights import LEASE_SECONDS, FlightTable
from tests.fakes.flights import FakeTime, ProcessFlights, SharedFlights, settle
from tests.fakes.models import FakeImageModel
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder

Task = asyncio.Task[list[GenerationEvent]]
CONTEXT = RunContext("req_1")
SPEC = ImageSpec(FakeImageModel().info.variant, "a star", 64, 64, 7, DiffusionSettings(2, 2.0, "ddim"))


class Process:
    def __init__(self, cluster: "Cluster") -> None:
        self.model = FakeImageModel(gate=asyncio.Event())
        self.flights = ProcessFlights(cluster.shared)
        self.recorder = MemoryRecorder()
        self.stalled = False
        self.time = cluster.time
        flights = ClusterFlights(self.flights, self.recorder, self._sleep)
        self.generation = Generation(cluster.assets, cluster.cache, self.recorder, flights)

    def finishes(self) -> None:
        assert self.model.gate is not None
        self.model.gate.set()

    def asks(self, *, read_cache: bool = True) -> Task:
        return asyncio.create_task(self._events(read_cache))

    def part(self, name: str) -> float:
        return self.recorder.counted(FLIGHTS.name, part=name)

    async def _events(self, read_cache: bool) -> list[GenerationEvent]:
        events = self.generation.run(self.model, SPEC, CONTEXT, read_cache=read_cache)
        return [event async for event in events]

    async def _sleep(self, seconds: float) -> None:
        await self.time.sleep(seconds)
        if self.stalled:
            await asyncio.Event().wait()


@dataclass
class Cluster:
    time: FakeTime = field(default_factory=FakeTime)
    assets: MemoryAssets = field(default_factory=MemoryAssets)
    cache: MemoryCache = field(default_factory=MemoryCache)

    def __post_init__(self) -> None:
        self.shared = SharedFlights(self.time, FlightTable(self.time, first_token=1))

    async def leader_and_follower(
        self,
    ) -> tuple[Process, Process, Task, Task]:
        leader, follower = Process(self), Process(self)
        leading = leader.asks()
        await settle()
        following = follower.asks()
        await settle()
        return leader, follower, leading, following


def _picture(events: list[GenerationEvent]) -> Generated:
    assert isinstance(events[-1], Generated)
    return events[-1]


async def test_another_process_waits_and_gets_the_leaders_asset() -> None:
    leader, follower, leading, following = await Cluster().leader_and_follower()
    leader.finishes()
    made, got = _picture(await leading), _picture(await following)
    assert (await following)[:-1] == [Queued(ahead=0)]
    assert got.asset == made.asset
    assert got.content == made.content
    assert (made.cache, got.cache) == ("miss", "joined")
    assert follower.model.started == []
    assert (leader.part("led"), follower.part("followed")) == (1, 1)
    assert follower.recorder.counted(CACHE_READS.name, result="joined") == 1
    assert follower.recorder.counted(CACHE_READS.name, result="miss") == 0


async def test_callers_of_a_following_process_share_its_wait() -> None:
    leader, follower, _, following = await Cluster().leader_and_follower()
    second = follower.asks()
    await settle()
    leader.finishes()
    assert _picture(await second).asset == _picture(await following).asset
    assert follower.part("followed") == 1


async def test_a_run_longer_than_its_lease_keeps_it() -> None:
    cluster = Cluster()
    leader, follower, leading, following = await cluster.leader_and_follower()
    await cluster.time.advance(5 * LEASE_SECONDS)
    leader.finishes()
    assert _picture(await following).asset == _picture(await leading).asset
    assert follower.model.started == []


async def test_when_the_leader_dies_a_follower_takes_over_within_the_lease() -> None:
    cluster = Cluster()
    leader, follower, leading, following = await cluster.leader_and_follower()
    leader.flights.down = True
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    await cluster.time.advance(LEASE_SECONDS - 0.1)
    assert follower.model.started == []
    await cluster.time.advance(0.1)
    follower.finishes()
    assert _picture(await following).cache == "miss"
    assert follower.part("led") == 1


async def test_a_leader_whose_callers_all_left_gives_up_at_once() -> None:
    cluster = Cluster()
    leader, follower, leading, following = await cluster.leader_and_follower()
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    follower.finishes()
    assert _picture(await following).cache == "miss"
    assert (leader.model.cancelled, cluster.time.seconds) == (1, 0.0)


async def test_a_failure_is_the_leaders_own_and_a_follower_tries_itself() -> None:
    cluster = Cluster()
    leader, follower, leading, following = await cluster.leader_and_follower()
    cluster.assets.error = EngineFailure("disk full")
    leader.finishes()
    with pytest.raises(EngineFailure, match="disk full"):
        await leading
    cluster.assets.error = None
    follower.finishes()
    assert _picture(await following).cache == "miss"
    assert cluster.time.seconds == 0.0


async def test_a_stale_leaders_picture_is_saved_but_not_what_others_find() -> None:
    cluster = Cluster()
    stale, follower, leading, following = await cluster.leader_and_follower()
    stale.stalled = True
    await cluster.time.advance(LEASE_SECONDS)
    follower.finishes()
    told = _picture(await following)
    stale.finishes()
    late = _picture(await leading)
    assert late.asset.id != told.asset.id
    assert late.asset.id in cluster.assets.assets
    assert cluster.cache.entries[SPEC.digest()].asset_id == told.asset.id
    assert (stale.part("stale"), follower.part("led")) == (1, 1)


async def test_who_is_cut_off_goes_on_alone() -> None:
    cluster = Cluster()
    processes = [Process(cluster), Process(cluster)]
    for process in processes:
        process.flights.down = True
        process.finishes()
    tasks = [process.asks() for process in processes]
    assert [_picture(events).cache for events in await asyncio.gather(*tasks)] == ["miss", "miss"]
    assert [process.part("alone") for process in processes] == [1, 1]


async def test_a_follower_that_is_cut_off_while_it_waits_goes_on_alone() -> None:
    cluster = Cluster()
    leader, follower, leading, following = await cluster.leader_and_follower()
    follower.flights.down = True
    await cluster.time.advance(LEASE_SECONDS)
    follower.finishes()
    assert _picture(await following).cache == "miss"
    leader.finishes()
    await leading


async def test_a_lone_run_tells_the_others_once_they_can_be_reached() -> None:
    cluster = Cluster()
    first, second = Process(cluster), Process(cluster)
    first.flights.down = True
    leading = first.asks()
    await settle()
    first.flights.down = False
    await cluster.time.advance(2.0)
    following = second.asks()
    await settle()
    first.finishes()
    assert _picture(await following).asset == _picture(await leading).asset
    assert second.model.started == []


async def test_leases_that_were_forgotten_are_taken_again_by_who_still_runs() -> None:
    cluster = Cluster()
    leader = Process(cluster)
    leading = leader.asks()
    await settle()
    cluster.shared.table = FlightTable(cluster.time, first_token=1000)
    await cluster.time.advance(LEASE_SECONDS / 3)
    follower = Process(cluster)
    following = follower.asks()
    await settle()
    leader.finishes()
    assert _picture(await following).asset == _picture(await leading).asset
    assert leader.part("led") == 1


async def test_a_result_whose_asset_is_gone_is_made_again() -> None:
    cluster = Cluster()
    first, second = Process(cluster), Process(cluster)
    first.finishes()
    second.finishes()
    made = _picture(await first.asks())
    cluster.assets.assets.clear()
    again = _picture(await second.asks())
    assert again.asset.id != made.asset.id
    assert again.cache == "miss"


async def test_who_missed_the_cache_just_before_it_was_written_gets_the_result() -> None:
    cluster = Cluster()
    first, second = Process(cluster), Process(cluster)
    first.finishes()
    made = _picture(await first.asks())
    cluster.cache.entries.clear()
    assert _picture(await second.asks()).asset == made.asset
    assert second.model.started == []


async def test_fresh_work_follows_nobody() -> None:
    leader, follower, leading, following = await Cluster().leader_and_follower()
    follower.finishes()
    assert _picture(await follower.asks(read_cache=False)).cache == "bypass"
    leader.finishes()
    await asyncio.gather(leading, following)
