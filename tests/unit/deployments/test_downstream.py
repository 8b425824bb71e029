"""What the downstream actors do with one row."""

import pytest

from deployments.downstream import write_entry
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
