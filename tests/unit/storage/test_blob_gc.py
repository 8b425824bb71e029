"""Sweeping: everything that anything names stays, all else goes once it is old."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gitex.assets import Asset
from gitex.events import StageSeconds
from gitex.specs import DiffusionSettings, ImageSpec, SourceImage, StyleImage
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.database import transaction
from storage.gc import Swept, collect_garbage
from storage.tables import BlockRecord, PublicationRecord

HOUR = timedelta(hours=1)
SPEC = ImageSpec(Variant("starter", 1, "sha256:" + "a" * 64), "a star", 64, 64, 7, DiffusionSettings(2, 2.0, "ddim"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _asset(name: str, content: bytes, spec: ImageSpec = SPEC) -> Asset:
    return Asset(name, _sha256(content), "image/png", len(content), spec, StageSeconds(), datetime.now(UTC))


class Room:
    """A store whose blobs can be made to look old."""

    def __init__(self, store: SqlAssetStore, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.blobs = LocalBlobStore(folder)

    async def sweep(self) -> Swept:
        return await collect_garbage(self.store.engine, self.blobs, HOUR)

    def age(self, *contents: bytes) -> None:
        names = {_sha256(content) for content in contents}
        for path in self.folder.rglob("*"):
            if path.is_file() and (not names or path.name in names):
                os.utime(path, (time.time() - 7200,) * 2)

    async def has(self, content: bytes) -> bool:
        return await self.blobs.size(_sha256(content)) is not None


@pytest.fixture
async def room(database_url: str, tmp_path: Path) -> AsyncIterator[Room]:
    store = await SqlAssetStore.open(database_url, LocalBlobStore(tmp_path / "blobs"))
    yield Room(store, tmp_path / "blobs")
    await store.close()


async def test_what_is_named_stays_and_the_rest_goes(room: Room) -> None:
    settings = replace(
        SPEC.settings,
        source=SourceImage(await room.store.keep(b"source"), 0.5, await room.store.keep(b"mask")),
        style=StyleImage(await room.store.keep(b"style")),
    )
    await room.store.save(_asset("ast_1", b"picture"), b"picture")
    await room.store.save(_asset("ast_2", b"edit", replace(SPEC, settings=settings)), b"edit")
    async with transaction(room.store.engine) as session:
        blob = await room.blobs.put(b"block")
        session.add(BlockRecord(root="r", cid="c", blob=blob, offset=0, size=5))
        blob = await room.blobs.put(b"document")
        session.add(PublicationRecord(asset_id="ast_1", cid="c", metadata_blob=blob))
    await room.blobs.put(b"orphan")
    await room.blobs.put(b"another orphan")
    room.age()
    assert await room.sweep() == Swept(removed=2, freed=20, kept=7)
    for content in (b"picture", b"edit", b"source", b"mask", b"style", b"block", b"document"):
        assert await room.has(content)
    assert await room.sweep() == Swept(removed=0, freed=0, kept=7)


async def test_young_bytes_stay_for_a_row_may_be_on_its_way(room: Room) -> None:
    await room.blobs.put(b"orphan")
    assert await room.sweep() == Swept(0, 0, 1)
    room.age()
    assert (await room.sweep()).removed == 1


async def test_the_bytes_of_a_deleted_asset_go_unless_another_has_the_same(room: Room) -> None:
    for asset_id in ("ast_1", "ast_2"):
        await room.store.save(_asset(asset_id, b"picture"), b"picture")
    room.age()
    await room.store.delete("ast_1", None)
    assert (await room.sweep()).removed == 0
    await room.store.delete("ast_2", None)
    assert await room.sweep() == Swept(1, 7, 0)


async def test_what_a_withdrawn_or_deleted_asset_named_goes_too(room: Room) -> None:
    settings = replace(SPEC.settings, source=SourceImage(await room.store.keep(b"source"), 0.5))
    await room.store.save(_asset("ast_1", b"edit", replace(SPEC, settings=settings)), b"edit")
    document = await room.blobs.put(b"document")
    async with transaction(room.store.engine) as session:
        session.add(PublicationRecord(asset_id="ast_1", cid="c", metadata_blob=document, state="withdrawn"))
    await room.store.delete("ast_1", None)
    room.age()
    assert (await room.sweep()).removed == 3


async def test_bytes_that_are_put_again_during_the_sweep_stay(room: Room) -> None:
    class PutAgain(LocalBlobStore):
        async def size(self, sha256: str) -> int | None:
            # The last thing before the removal: somebody makes the same picture.
            await self.put(b"orphan")
            return await super().size(sha256)

    await room.blobs.put(b"orphan")
    room.age()
    assert await collect_garbage(room.store.engine, PutAgain(room.folder), HOUR) == Swept(0, 0, 1)
    assert await room.has(b"orphan")


async def test_writers_and_sweepers_at_once_lose_nothing(room: Room) -> None:
    contents = [f"picture {number}".encode() for number in range(40)]
    for content in contents:
        await room.blobs.put(content)
    room.age()

    async def write() -> None:
        for content in contents:
            await room.store.save(_asset(f"ast_{content.decode()}", content), content)

    async def sweep() -> None:
        for _ in range(10):
            await room.sweep()

    await asyncio.gather(write(), sweep(), sweep())
    room.age()
    await room.sweep()
    for content in contents:
        asset = await room.store.get(f"ast_{content.decode()}")
        assert await room.store.content(asset) == content


async def test_more_blobs_than_are_looked_up_at_once(room: Room) -> None:
    await asyncio.gather(*(room.blobs.put(str(number).encode()) for number in range(520)))
    await room.store.save(_asset("ast_1", b"519"), b"519")
    room.age()
    swept = await room.sweep()
    assert (swept.removed, swept.kept) == (519, 1)
