"""What the prompt cache is still to be told: taken by one worker at a time, and never lost with one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.cache_writes import SqlCacheWrites
from storage.database import open_database
from tests.unit.storage.test_publisher import CONTENT, asset_of

LONG = timedelta(minutes=1)


@pytest.fixture
async def engine(database_url: str, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(database_url)
    assets = SqlAssetStore(engine, LocalBlobStore(tmp_path / "blobs"))
    for i in range(3):
        await assets.save(asset_of(f"ast_{i}"), CONTENT, cache=True)
    await assets.save(asset_of("ast_uncached"), CONTENT)
    yield engine
    await engine.dispose()


async def test_rows_are_claimed_oldest_first_and_are_gone_when_done(engine: AsyncEngine) -> None:
    writes = SqlCacheWrites(engine)
    first = await writes.claim(2, LONG)
    assert [row.asset_id for row in first] == ["ast_0", "ast_1"]
    assert {row.digest for row in first} == {asset_of().spec.digest()}
    second = await writes.claim(2, LONG)
    assert [row.asset_id for row in second] == ["ast_2"]
    await writes.done([row.id for row in (*first, *second)])
    assert await writes.claim(9, LONG) == []


async def test_what_a_dead_worker_had_claimed_is_free_after_the_lease(engine: AsyncEngine) -> None:
    writes = SqlCacheWrites(engine)
    assert len(await writes.claim(9, timedelta(seconds=0.5))) == 3
    assert await writes.claim(9, LONG) == []
    await asyncio.sleep(0.6)
    assert len(await writes.claim(9, LONG)) == 3


async def test_two_workers_at_once_share_the_rows_without_overlap(engine: AsyncEngine) -> None:
    claims = await asyncio.gather(*(SqlCacheWrites(engine).claim(2, LONG) for _ in range(3)))
    claimed = [row.id for rows in claims for row in rows]
    assert len(claimed) == len(set(claimed))
