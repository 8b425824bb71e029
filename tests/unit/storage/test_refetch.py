"""Blobs come back from the pins, and an audit says what does not: `storage.refetch` and `storage.pin_audit`."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.errors import AssetNotFound, Unavailable
from gitex.ports import PinTarget
from gitex.publishing import Content
from storage.blobs import LocalBlobStore
from storage.database import open_database
from storage.healing_blobs import HealingBlobStore
from storage.ipfs.embedded import EmbeddedNode
from storage.pin_audit import audit
from storage.refetch import Refetch
from tests.fakes.pin_targets import FakePinTarget
from tests.fakes.stores import MemoryRecorder
from tests.unit.storage.test_publisher import CONTENT, Desk, asset_of, desk

__all__ = ["desk"]
LARGE = bytes(range(256)) * 4096
"""More than one block."""


class Elsewhere:
    """A node with a database and blobs of its own, as a pin target on another machine is."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.engine = engine
        self.blobs = LocalBlobStore(folder / "elsewhere")
        self.node = EmbeddedNode(engine, self.blobs)


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[Elsewhere]:
    engine = await open_database(f"sqlite+aiosqlite:///{tmp_path}/elsewhere.db")
    yield Elsewhere(engine, tmp_path)
    await engine.dispose()


async def _publish(desk: Desk, elsewhere: Elsewhere, content: bytes) -> None:
    """An asset is published, and the node elsewhere has its picture, but not its metadata document."""
    await desk.save(asset_of(content=content), content)
    await desk.worker([FakePinTarget("a")]).work_once()
    blob = await elsewhere.blobs.put(content)
    await elsewhere.node.pin(Content(asset_of(content=content).cid, "picture", blob, len(content)))


async def test_a_lost_blob_comes_back_from_a_pin(desk: Desk, elsewhere: Elsewhere) -> None:
    await _publish(desk, elsewhere, LARGE)
    down = FakePinTarget("down")
    down.error = Unavailable("down")
    targets: list[PinTarget] = [down, elsewhere.node]
    healing = HealingBlobStore(desk.blobs, Refetch(desk.engine, targets), MemoryRecorder())
    name = hashlib.sha256(LARGE).hexdigest()
    await desk.blobs.delete(name)
    assert await healing.get(name) == LARGE
    assert await desk.blobs.get(name) == LARGE
    assert await Refetch(desk.engine, targets)("0" * 64) is None
    assert await Refetch(desk.engine, [down])(name) is None


async def test_an_audit_tells_what_came_back_and_what_did_not(desk: Desk, elsewhere: Elsewhere) -> None:
    await _publish(desk, elsewhere, CONTENT)
    reports = [report async for report in audit(desk.publications, [elsewhere.node])]
    assert [(r.blocks, r.size, bool(r.problem)) for r in reports] == [(1, len(CONTENT), False), (0, 0, True)]


async def test_an_audit_does_not_miss_what_was_deleted(desk: Desk, elsewhere: Elsewhere) -> None:
    """The targets let go of it one by one, and a worker may die in between."""
    await _publish(desk, elsewhere, CONTENT)
    await desk.assets.delete(asset_of().id, None)
    assert not [report async for report in audit(desk.publications, [elsewhere.node])]
    with pytest.raises(AssetNotFound):
        assert not [report async for report in audit(desk.publications, [elsewhere.node], asset_of().id)]


async def test_an_audit_does_not_miss_what_is_deleted_meanwhile(desk: Desk, elsewhere: Elsewhere) -> None:
    await _publish(desk, elsewhere, CONTENT)
    reports = audit(desk.publications, [elsewhere.node])
    assert not (await anext(reports)).problem
    await desk.assets.delete(asset_of().id, None)
    assert not [report async for report in reports]
