import asyncio
import hashlib
import time
from dataclasses import replace

import pytest

from gitex.errors import DeadlineExceeded, EngineFailure
from gitex.events import Queued, Step
from gitex.metrics import CACHE_READS
from gitex.ports import CacheEntry, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from serve_app.services.deadline import until
from serve_app.services.generation import Generated, Generation
from tests.fakes.models import FakeImageModel
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder

CONTEXT = RunContext("req_1")


class Bench:
    def __init__(self) -> None:
        self.model = FakeImageModel()
        self.assets = MemoryAssets()
        self.cache = MemoryCache()
        self.recorder = MemoryRecorder()
        self.generation = Generation(self.assets, self.cache, self.recorder)
        self.spec = ImageSpec(self.model.info.variant, "a star", 64, 64, 7, DiffusionSettings(2, 2.0, "ddim"))

    async def run(self, spec: ImageSpec | None = None, *, read_cache: bool = True) -> Generated:
        events = self.generation.run(self.model, spec or self.spec, CONTEXT, read_cache=read_cache)
        last = [event async for event in events][-1]
        assert isinstance(last, Generated)
        return last


async def test_progress_comes_first_and_the_stored_asset_last() -> None:
    bench = Bench()
    events = [event async for event in bench.generation.run(bench.model, bench.spec, CONTEXT)]
    assert [type(event) for event in events] == [Queued, Step, Step, Generated]
    generated = events[-1]
    assert isinstance(generated, Generated)
    assert generated.cache == "miss"
    assert generated.asset.sha256 == hashlib.sha256(generated.content).hexdigest()
    assert bench.assets.contents[generated.asset.id] == generated.content


async def test_the_second_time_comes_from_the_cache_without_the_engine() -> None:
    bench = Bench()
    first, second = await bench.run(), await bench.run()
    assert (first.cache, second.cache) == ("miss", "hit")
    assert second.asset == first.asset
    assert len(bench.model.started) == 1
    assert bench.recorder.counted(CACHE_READS.name, result="hit") == 1


async def test_another_seed_or_other_weights_are_another_picture() -> None:
    bench = Bench()
    await bench.run()
    other_weights = replace(bench.spec.variant, weights_digest="sha256:" + "f" * 64)
    for spec in (replace(bench.spec, seed=8), replace(bench.spec, variant=other_weights)):
        assert (await bench.run(spec)).cache == "miss"


async def test_no_cache_makes_it_anew_but_leaves_the_result_for_others() -> None:
    bench = Bench()
    await bench.run()
    assert (await bench.run(read_cache=False)).cache == "bypass"
    assert len(bench.model.started) == 2
    assert (await bench.run()).cache == "hit"


async def test_identical_specs_in_flight_share_one_run() -> None:
    bench = Bench()
    bench.model.gate = asyncio.Event()
    runs = [asyncio.create_task(bench.run()) for _ in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    bench.model.gate.set()
    results = await asyncio.gather(*runs)
    assert sorted(result.cache for result in results) == ["joined", "joined", "joined", "miss"]
    assert len({result.asset.id for result in results}) == 1
    assert len(bench.model.started) == 1


async def test_a_cached_picture_whose_asset_is_gone_is_made_again() -> None:
    bench = Bench()
    bench.cache.put(bench.spec.digest(), CacheEntry("ast_gone", b"old"))
    assert (await bench.run()).cache == "miss"


@pytest.mark.parametrize("kept", [None, b"not the picture"])
async def test_a_picture_that_the_cache_lacks_or_garbles_comes_from_the_store(kept: bytes | None) -> None:
    bench = Bench()
    made = await bench.run()
    bench.cache.put(bench.spec.digest(), CacheEntry(made.asset.id, kept))
    again = await bench.run()
    assert (again.cache, again.asset, again.content) == ("hit", made.asset, made.content)


async def test_an_entry_that_names_another_specs_asset_is_no_hit() -> None:
    bench = Bench()
    other = await bench.run(replace(bench.spec, seed=8))
    bench.cache.put(bench.spec.digest(), CacheEntry(other.asset.id, other.content))
    mine = await bench.run()
    assert (mine.cache, mine.asset.spec) == ("miss", bench.spec)


async def test_nothing_is_cached_or_answered_that_could_not_be_stored() -> None:
    bench = Bench()
    bench.assets.error = EngineFailure("disk full")
    with pytest.raises(EngineFailure, match="disk full"):
        await bench.run()
    assert bench.cache.entries == {}


async def test_a_caller_who_leaves_cancels_the_engine() -> None:
    bench = Bench()
    bench.model.gate = asyncio.Event()
    run = asyncio.create_task(bench.run())
    for _ in range(10):
        await asyncio.sleep(0)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert bench.model.cancelled == 1


async def test_a_deadline_ends_the_run_of_the_only_caller() -> None:
    bench = Bench()
    bench.model.gate = asyncio.Event()
    events = until(time.time() + 0.05, bench.generation.run(bench.model, bench.spec, CONTEXT))
    with pytest.raises(DeadlineExceeded):
        async for _ in events:
            pass
    assert bench.model.cancelled == 1


@pytest.mark.parametrize(("publishes", "asked"), [(True, {"cache", "publish"}), (False, {"cache"})])
async def test_what_comes_after_the_answer_is_written_down_with_the_asset(publishes: bool, asked: set[str]) -> None:
    bench = Bench()
    bench.generation = Generation(bench.assets, bench.cache, bench.recorder, publishes=publishes)
    generated = await bench.run()
    assert bench.assets.asked[generated.asset.id] == asked
