"""What the downstream actors do with one row."""

import asyncio

import pytest

from deployments.downstream import Looking, write_entry
from gitex.errors import EngineFailure, Unavailable
from gitex.ports import CacheEntry
from storage.cache_writes import CacheWrite
from tests.fakes.stores import MemoryAssets, MemoryCache
from tests.unit.storage.test_publisher import CONTENT, asset_of

ASSET = asset_of()
ROW = CacheWrite("row", ASSET.spec.digest(), ASSET.id)


@pytest.fixture
async def assets() -> MemoryAssets:
    assets = MemoryAssets()
    await assets.save(ASSET, CONTENT)
    return assets


async def test_a_picture_that_the_cache_was_never_told_of_is_put_in(assets: MemoryAssets) -> None:
    cache = MemoryCache()
    await write_entry(ROW, assets, cache)
    assert cache.entries == {ROW.digest: CacheEntry(ASSET.id, CONTENT)}


async def test_an_entry_that_is_there_stays(assets: MemoryAssets) -> None:
    there = CacheEntry("ast_other", b"picture")
    cache = MemoryCache({ROW.digest: there})
    await write_entry(ROW, assets, cache)
    assert cache.entries == {ROW.digest: there}


async def test_a_picture_that_is_gone_is_left_out(assets: MemoryAssets) -> None:
    assets.assets.clear()
    cache = MemoryCache()
    await write_entry(ROW, assets, cache)
    assert cache.entries == {}


class Pile:
    """Work for several workers."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.looks = 0
        self.together = self.most_together = 0

    async def work(self) -> bool:
        self.looks += 1
        if not self.pieces:
            return False
        self.pieces -= 1
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await asyncio.sleep(0.01)
        self.together -= 1
        return True


async def _until_done(pile: Pile) -> None:
    for _ in range(1000):
        if not pile.pieces and not pile.together:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{pile.pieces} pieces are left")


async def test_workers_share_what_is_there_and_one_of_them_looks_while_there_is_none() -> None:
    pile = Pile(12)
    looking = Looking(pile.work, 4, idle=0.02)
    try:
        await _until_done(pile)
        assert pile.most_together > 1
        pile.looks = 0
        await asyncio.sleep(0.3)
        assert 2 <= pile.looks <= 30  # one worker's; four would look 60 times
        pile.pieces = 3
        await _until_done(pile)
    finally:
        await looking.close()


async def test_a_wake_up_saves_the_wait() -> None:
    pile = Pile(0)
    looking = Looking(pile.work, 2, idle=60)
    try:
        await asyncio.sleep(0.05)
        pile.pieces = 2
        looking.wake()
        await _until_done(pile)
    finally:
        await looking.close()


async def test_it_closes_at_any_instant_and_lets_a_piece_be_finished() -> None:
    pile = Pile(1)
    looking = Looking(pile.work, 1, idle=60)
    await asyncio.sleep(0)
    assert pile.together == 1
    await looking.close()
    assert (pile.pieces, pile.together) == (0, 0)

    idle = Looking(pile.work, 2, idle=60)
    await asyncio.sleep(0.01)
    idle.wake()
    await asyncio.wait_for(idle.close(), 1)


async def test_work_that_does_not_end_is_ended() -> None:
    swallowed = []

    async def stubborn() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed.append(True)
            await asyncio.Event().wait()
        return False

    looking = Looking(stubborn, 1, patience=0.05)
    await asyncio.sleep(0)
    await asyncio.wait_for(looking.close(), 5)
    assert swallowed == [True]


async def test_a_database_that_is_gone_is_waited_for_and_a_defect_is_told() -> None:
    async def gone() -> bool:
        raise Unavailable("the database does not answer")

    async def broken() -> bool:
        raise ZeroDivisionError

    well, ill = Looking(gone, 1), Looking(broken, 1)
    await asyncio.sleep(0.05)
    well.check()
    with pytest.raises(EngineFailure, match="ZeroDivisionError"):
        ill.check()
    await well.close()
    await ill.close()
