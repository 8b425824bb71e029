"""Publishing: nothing that is due is lost or done for nothing, whoever dies at whatever instant."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.assets import Asset
from gitex.errors import AssetNotFound, Unavailable
from gitex.events import StageSeconds
from gitex.publishing import PinStatus
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.database import open_database, transaction
from storage.ipfs.unixfs import file_cid
from storage.publications import SqlPublications
from storage.publisher import PinPolicy, Publisher
from storage.tables import PublicationRecord, utc_now
from tests.fakes.pin_targets import FakePinTarget
from tests.fakes.stores import MemoryRecorder

CONTENT = b"\x89PNG a star"
CID = str(file_cid([CONTENT]))
SHORT = timedelta(milliseconds=50)


def asset_of(asset_id: str = "ast_1", content: bytes = CONTENT) -> Asset:
    settings = DiffusionSettings(steps=20, guidance_scale=1.5, sampler="ddim")
    spec = ImageSpec(Variant("starter-diffusion", 1, "sha256:" + "a" * 64), "a star", 128, 128, 7, settings)
    return Asset(
        id=asset_id,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/png",
        size=len(content),
        spec=spec,
        stages=StageSeconds(0.1, 0.1, 1.0, 0.1),
        created_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
        cid=str(file_cid([content])),
    )


@dataclass
class Desk:
    """A database, and workers who share it."""

    engine: AsyncEngine
    blobs: LocalBlobStore
    assets: SqlAssetStore
    publications: SqlPublications
    recorder: MemoryRecorder

    def worker(self, targets: list[FakePinTarget], quorum: int = 1, owner: str = "one") -> Publisher:
        policy = PinPolicy(quorum, timedelta(hours=1))
        return Publisher(
            self.publications,
            self.assets,
            self.blobs,
            targets,
            policy=policy,
            recorder=self.recorder,
            owner=owner,
            lease=SHORT,
        )

    async def save(self, asset: Asset, content: bytes = CONTENT) -> None:
        await self.assets.save(asset, content, publish=True)

    async def make_due(self) -> None:
        """As if the pauses had passed."""
        async with transaction(self.engine) as session:
            await session.execute(update(PublicationRecord).values(next_at=utc_now() - timedelta(seconds=1)))


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    engine, blobs = await open_database(database_url), LocalBlobStore(tmp_path / "blobs")
    yield Desk(engine, blobs, SqlAssetStore(engine, blobs), SqlPublications(engine), MemoryRecorder())
    await engine.dispose()


async def test_a_saved_asset_is_pinned_everywhere_with_its_metadata_and_then_left_alone(desk: Desk) -> None:
    targets = [FakePinTarget("a"), FakePinTarget("b")]
    await desk.save(asset_of())
    assert await desk.worker(targets, quorum=2).work_once()
    done = await desk.publications.get("ast_1")
    assert (done.state, done.cid, done.reason) == ("published", CID, "")
    assert set(targets[0].pinned) == set(targets[1].pinned) == {CID, done.metadata_cid}
    document = json.loads(await desk.blobs.get(targets[0].pinned[done.metadata_cid].blob))
    assert document["image"] == f"ipfs://{CID}"
    pins = await desk.publications.pins("ast_1")
    assert sorted((pin.target, pin.cid, pin.status.state) for pin in pins) == sorted(
        (target, cid, "pinned") for target in "ab" for cid in (CID, done.metadata_cid)
    )
    assert not await desk.worker(targets).work_once()


async def test_too_few_targets_are_not_enough_and_the_missing_one_is_mended_later(desk: Desk) -> None:
    well, ill = FakePinTarget("well"), FakePinTarget("ill")
    ill.error = Unavailable("the node is down")
    await desk.save(asset_of())
    worker = desk.worker([well, ill], quorum=2)
    assert await worker.work_once()
    waiting = await desk.publications.get("ast_1")
    assert (waiting.state, waiting.reason) == ("pinning", "ill: the node is down")
    assert not await worker.work_once()  # not before its pause is over
    ill.error = None
    await desk.make_due()
    assert await worker.work_once()
    assert (await desk.publications.get("ast_1")).state == "published"
    assert set(ill.pinned) == set(well.pinned)
    assert well.pins[CID] == 1


async def test_a_quorum_is_enough_and_a_pin_that_is_lost_later_is_found_and_mended(desk: Desk) -> None:
    targets = [FakePinTarget(name) for name in "abc"]
    targets[2].error = Unavailable("the node is down")
    await desk.save(asset_of())
    worker = desk.worker(targets, quorum=2)
    await worker.work_once()
    assert (await desk.publications.get("ast_1")).state == "published"
    targets[2].error = None
    targets[0].pinned.clear()
    await desk.make_due()
    await worker.work_once()
    done = await desk.publications.get("ast_1")
    assert [set(target.pinned) for target in targets] == [{CID, done.metadata_cid}] * 3
    assert (done.state, done.reason) == ("published", "")


async def test_a_target_that_names_other_content_fails_loudly_and_can_be_tried_again(desk: Desk) -> None:
    target = FakePinTarget("liar")
    target.lie()
    await desk.save(asset_of())
    worker = desk.worker([target])
    await worker.work_once()
    failed = await desk.publications.get("ast_1")
    assert (failed.state, failed.reason) == ("failed", "liar: liar names other content")
    await desk.make_due()
    assert not await worker.work_once()
    target.error = None
    await desk.publications.request("ast_1", CID)
    await worker.work_once()
    assert (await desk.publications.get("ast_1")).state == "published"


async def test_a_target_that_is_still_at_work_is_followed(desk: Desk) -> None:
    target = FakePinTarget("slow")
    target.first_state = PinStatus("queued", remote_id="request-1")
    await desk.save(asset_of())
    worker = desk.worker([target])
    await worker.work_once()
    assert (await desk.publications.get("ast_1")).state == "pinning"
    assert {pin.status.remote_id for pin in await desk.publications.pins("ast_1")} == {"request-1"}
    await desk.make_due()
    await worker.work_once()
    assert (await desk.publications.get("ast_1")).state == "published"
    assert target.pins[CID] == 1


async def test_a_deleted_asset_leaves_every_target_at_once(desk: Desk) -> None:
    targets = [FakePinTarget("a"), FakePinTarget("b")]
    await desk.save(asset_of())
    worker = desk.worker(targets)
    await worker.work_once()
    await desk.assets.delete("ast_1", None)
    assert await worker.work_once()
    assert [target.pinned for target in targets] == [{}, {}]
    assert (await desk.publications.get("ast_1")).state == "withdrawn"
    assert await desk.publications.pins("ast_1") == []
    assert not await worker.work_once()


async def test_the_picture_stays_while_another_asset_has_the_same_bytes(desk: Desk) -> None:
    target = FakePinTarget("a")
    await desk.save(asset_of("ast_1"))
    await desk.save(asset_of("ast_2"))
    worker = desk.worker([target])
    while await worker.work_once():
        pass
    await desk.assets.delete("ast_1", None)
    await worker.work_once()
    kept = await desk.publications.get("ast_2")
    assert set(target.pinned) == {CID, kept.metadata_cid}
    assert {pin.cid for pin in await desk.publications.pins("ast_2")} == {CID, kept.metadata_cid}


async def test_a_target_that_is_down_when_the_asset_is_deleted_is_asked_again(desk: Desk) -> None:
    target = FakePinTarget("a")
    await desk.save(asset_of())
    worker = desk.worker([target])
    await worker.work_once()
    target.error = Unavailable("the node is down")
    await desk.assets.delete("ast_1", None)
    assert await worker.work_once()
    assert not await worker.work_once()
    target.error = None
    await desk.make_due()
    assert await worker.work_once()
    assert target.pinned == {}
    assert (await desk.publications.get("ast_1")).state == "withdrawn"


async def test_two_workers_never_hold_the_same_publication(desk: Desk) -> None:
    for i in range(6):
        await desk.save(asset_of(f"ast_{i}", b"picture %d" % i), b"picture %d" % i)
    target = FakePinTarget("a")
    workers = [desk.worker([target], owner=f"worker {i}") for i in range(3)]

    async def drain(worker: Publisher) -> None:
        while await worker.work_once():
            pass

    await asyncio.gather(*map(drain, workers))
    while await workers[0].work_once():  # who lost a race for a row may have stopped early
        pass
    assert all(count == 1 for count in target.pins.values())
    assert len(target.pinned) == 12


class Killed(BaseException):
    """The process is gone."""


def dies_at(nth: int) -> Callable[[str], None]:
    calls = iter(range(1000))

    def on_call(_: str) -> None:
        if next(calls) == nth:
            raise Killed

    return on_call


@pytest.mark.parametrize("nth", range(12))
async def test_a_worker_that_dies_at_any_call_is_replaced_and_nothing_is_left_over(desk: Desk, nth: int) -> None:
    on_call = dies_at(nth)
    targets = [FakePinTarget("a", on_call), FakePinTarget("b", on_call)]
    await desk.save(asset_of())
    with suppress(Killed):
        await desk.worker(targets, quorum=2, owner="dies").work_once()
    await asyncio.sleep(SHORT.total_seconds() * 1.5)
    heir = desk.worker(targets, quorum=2, owner="heir")
    for _ in range(20):  # the dead one's last statement may still hold the row
        await heir.work_once()
        done = await desk.publications.get("ast_1")
        if done.state == "published":
            break
        await asyncio.sleep(0.05)
    assert done.state == "published"
    assert [set(target.pinned) for target in targets] == [{CID, done.metadata_cid}] * 2
    assert len(await desk.publications.pins("ast_1")) == 4


async def test_a_worker_who_comes_back_after_its_lease_changes_nothing(desk: Desk) -> None:
    await desk.save(asset_of())
    late = await desk.publications.claim("late", timedelta(0))
    assert late is not None
    assert await desk.publications.claim("heir", timedelta(minutes=1)) is not None
    assert not await desk.publications.settle("ast_1", "late", "failed", reason="?", again_in=timedelta(0))
    assert not await desk.publications.note("ast_1", "late", CID, "a", PinStatus("failed"))
    assert (await desk.publications.get("ast_1")).state == "queued"
    assert await desk.publications.pins("ast_1") == []


async def test_what_nobody_asked_to_publish_is_not_published(desk: Desk) -> None:
    await desk.assets.save(asset_of(), CONTENT)
    assert not await desk.worker([FakePinTarget("a")]).work_once()
    with pytest.raises(AssetNotFound):
        await desk.publications.get("ast_1")
    await desk.publications.request("ast_1", "")
    assert await desk.worker([FakePinTarget("a")]).work_once()
    assert (await desk.publications.get("ast_1")).cid == CID


async def test_an_asset_from_before_cids_were_recorded_gets_one(desk: Desk) -> None:
    await desk.save(replace(asset_of(), cid=""))
    await desk.worker([FakePinTarget("a")]).work_once()
    assert (await desk.publications.get("ast_1")).cid == CID
    assert (await desk.assets.get("ast_1")).cid == CID


@pytest.mark.parametrize("quorum", [0, 3])
async def test_a_quorum_that_cannot_be_reached_is_refused(desk: Desk, quorum: int) -> None:
    with pytest.raises(ValueError, match="quorum"):
        desk.worker([FakePinTarget("a"), FakePinTarget("b")], quorum=quorum)
