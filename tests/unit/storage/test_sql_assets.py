"""The asset store on SQLite and PostgreSQL: durable, exact, and safe to open from many processes at once."""

import asyncio
import hashlib
import multiprocessing
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gitex.assets import Asset
from gitex.errors import AssetNotFound, InvalidInput, SettingsError, Unavailable
from gitex.events import Execution, StageSeconds
from gitex.ports import AssetStore
from gitex.specs import Adapter, DiffusionSettings, GanSettings, ImageSpec, SourceImage, StyleImage
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore

CONTENT = b"\x89PNG star"


def _asset(asset_id: str = "ast_1") -> Asset:
    spec = ImageSpec(
        variant=Variant("starter-diffusion", 1, "sha256:" + "a" * 64),
        prompt='a "teal" star ☆\n',
        width=128,
        height=64,
        seed=2**64 - 1,
        settings=DiffusionSettings(steps=20, guidance_scale=0.1 + 0.2, sampler="ddim", negative_prompt="grey"),
    )
    return Asset(
        id=asset_id,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        media_type="image/png",
        size=len(CONTENT),
        spec=spec,
        stages=StageSeconds(queue=0.25, encode=1e-9, denoise=2.0, decode=0.1 + 0.2),
        created_at=datetime(2026, 11, 22, 13, 37, 1, 123456, tzinfo=UTC),
    )


def _url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/gitex.db"


async def _open(folder: Path, url: str | None = None) -> SqlAssetStore:
    return await SqlAssetStore.open(url or _url(folder), LocalBlobStore(folder / "blobs"))


async def test_an_asset_comes_back_exactly_also_after_reopening(database_url: str, tmp_path: Path) -> None:
    asset = _asset()
    store: AssetStore = await _open(tmp_path, database_url)
    await store.save(asset, CONTENT)
    reopened = await _open(tmp_path, database_url)
    try:
        for each in (store, reopened):
            assert await each.get(asset.id) == asset
            assert await each.content(asset) == CONTENT
    finally:
        await reopened.close()
        await store.close()


async def test_an_execution_comes_back_exactly(database_url: str, tmp_path: Path) -> None:
    execution = Execution(strict=True, device="cpu: AMD ☆", dtype="float32", versions=("torch 2.13.0+cpu", "x 1"))
    settings = replace(
        DiffusionSettings(steps=20, guidance_scale=2.0, sampler="ddim", strict=True),
        source=SourceImage("a" * 64, 0.1 + 0.2, "b" * 64),
        style=StyleImage("c" * 64, 0.5),
        adapters=(Adapter("ink", "sha256:" + "d" * 64, 0.1),),
    )
    asset = replace(_asset(), execution=execution, spec=replace(_asset().spec, settings=settings))
    store = await _open(tmp_path, database_url)
    try:
        await store.save(asset, CONTENT)
        await store.save(asset, CONTENT)
        assert await store.get(asset.id) == asset
    finally:
        await store.close()


async def test_kept_pictures_come_back_by_their_digest_also_after_reopening(database_url: str, tmp_path: Path) -> None:
    store = await _open(tmp_path, database_url)
    sha256 = await store.keep(CONTENT)
    assert sha256 == await store.keep(CONTENT) == hashlib.sha256(CONTENT).hexdigest()
    reopened = await _open(tmp_path, database_url)
    try:
        assert await reopened.kept(sha256) == CONTENT
        blob = next(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        blob.write_bytes(b"other")
        with pytest.raises(AssetNotFound, match="corrupt"):
            await reopened.kept(sha256)
        blob.unlink()
        with pytest.raises(AssetNotFound, match="missing"):
            await reopened.kept(sha256)
        (tmp_path / "blobs").rename(tmp_path / "elsewhere")
        (tmp_path / "blobs").write_text("no folder can be made here")
        with pytest.raises(Unavailable, match="blob store"):
            await reopened.keep(CONTENT)
    finally:
        await reopened.close()
        await store.close()


async def test_a_gan_asset_in_another_zone_keeps_its_moment(database_url: str, tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    asset = replace(_asset(), spec=replace(_asset().spec, settings=GanSettings(0.7)), created_at=moment)
    store = await _open(tmp_path, database_url)
    try:
        await store.save(asset, CONTENT)
        back = await store.get(asset.id)
    finally:
        await store.close()
    assert back == asset
    assert back.created_at.utcoffset() == timedelta(0)


async def test_unknown_ids_and_lost_or_corrupt_bytes_are_not_found(database_url: str, tmp_path: Path) -> None:
    store = await _open(tmp_path, database_url)
    try:
        with pytest.raises(AssetNotFound, match="ast_none"):
            await store.get("ast_none")
        await store.save(_asset(), CONTENT)
        blob = next(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        blob.write_bytes(b"other")
        with pytest.raises(AssetNotFound, match="corrupt"):
            await store.content(_asset())
        blob.unlink()
        with pytest.raises(AssetNotFound, match="missing"):
            await store.content(_asset())
    finally:
        await store.close()


async def test_saving_again_is_harmless_but_an_id_is_never_given_to_another_asset(
    database_url: str, tmp_path: Path
) -> None:
    store = await _open(tmp_path, database_url)
    try:
        await store.save(_asset(), CONTENT)
        await store.save(_asset(), CONTENT)
        other = replace(_asset(), spec=replace(_asset().spec, seed=7))
        with pytest.raises(InvalidInput, match="taken"):
            await store.save(other, CONTENT)
        assert await store.get("ast_1") == _asset()
    finally:
        await store.close()


async def test_bytes_that_the_asset_does_not_describe_are_refused_and_leave_no_row(
    database_url: str, tmp_path: Path
) -> None:
    store = await _open(tmp_path, database_url)
    try:
        with pytest.raises(InvalidInput, match="not the ones"):
            await store.save(_asset(), b"something else")
        with pytest.raises(AssetNotFound):
            await store.get("ast_1")
    finally:
        await store.close()


async def test_a_row_is_written_only_after_its_blob(database_url: str, tmp_path: Path) -> None:
    store = await _open(tmp_path, database_url)
    (tmp_path / "blobs").write_text("no folder can be made here")
    try:
        with pytest.raises(Unavailable, match="blob store"):
            await store.save(_asset(), CONTENT)
        with pytest.raises(AssetNotFound):
            await store.get("ast_1")
    finally:
        await store.close()


async def test_commits_are_synced_and_the_journal_is_wal(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    try:
        async with store._engine.connect() as connection:
            for pragma, value in (("synchronous", 2), ("journal_mode", "wal"), ("busy_timeout", 30_000)):
                assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one() == value
    finally:
        await store.close()


async def test_a_broken_database_is_unavailable_and_does_not_tell_the_statement(tmp_path: Path) -> None:
    store = await _open(tmp_path)
    try:
        await store.check()
        with sqlite3.connect(tmp_path / "gitex.db") as connection:
            connection.execute("DROP TABLE assets")
        connection.close()
        with pytest.raises(Unavailable, match="no such table: assets") as caught:
            await store.save(_asset(), CONTENT)
        assert "INSERT" not in caught.value.message
        with pytest.raises(Unavailable):
            await store.get("ast_1")
        with pytest.raises(Unavailable):
            await store.check()
    finally:
        await store.close()


async def test_a_file_that_is_no_database_is_unavailable_at_open(tmp_path: Path) -> None:
    (tmp_path / "gitex.db").write_text("not a database, but long enough to be read as the header of one" * 20)
    with pytest.raises(Unavailable, match="cannot be opened"):
        await _open(tmp_path)


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "sqlite:////tmp/x.db"])
async def test_other_databases_are_refused_by_the_name_of_the_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="GITEX_DATABASE_URL"):
        await SqlAssetStore.open(url, LocalBlobStore(tmp_path))


async def test_cancelled_saves_leave_the_store_usable(database_url: str, tmp_path: Path) -> None:
    store = await _open(tmp_path, database_url)
    try:
        for turn in range(20):
            task = asyncio.create_task(store.save(_asset(f"ast_{turn}"), CONTENT))
            for _ in range(turn):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.save(_asset("ast_last"), CONTENT)
        assert await store.get("ast_last") == _asset("ast_last")
    finally:
        await store.close()


async def test_several_stores_write_one_database_at_the_same_time(database_url: str, tmp_path: Path) -> None:
    stores = await asyncio.gather(*(_open(tmp_path, database_url) for _ in range(4)))
    try:
        await asyncio.gather(
            *(store.save(_asset(f"ast_{i}_{j}"), CONTENT) for i, store in enumerate(stores) for j in range(5))
        )
        for i in range(4):
            for j in range(5):
                assert (await stores[(i + 1) % 4].get(f"ast_{i}_{j}")).id == f"ast_{i}_{j}"
    finally:
        for store in stores:
            await store.close()


def _open_and_save(folder: Path, start: Barrier, rounds: int) -> None:
    async def once(turn: int) -> None:
        store = await _open(folder / str(turn))
        await store.save(_asset(f"ast_{os.getpid()}"), CONTENT)
        await store.close()

    for turn in range(rounds):
        start.wait(30)
        asyncio.run(once(turn))


def test_many_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    rounds, count = 3, 4
    context = multiprocessing.get_context("forkserver")
    start = context.Barrier(count)
    processes = [context.Process(target=_open_and_save, args=(tmp_path, start, rounds)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count
    for turn in range(rounds):
        connection = sqlite3.connect(tmp_path / str(turn) / "gitex.db")
        assert connection.execute("SELECT count(*) FROM assets").fetchone() == (count,)
        connection.close()


def _save_and_die(folder: Path) -> None:
    async def run() -> None:
        store = await _open(folder)
        await store.save(_asset(), CONTENT)
        os._exit(9)

    asyncio.run(run())


async def test_a_saved_asset_survives_the_death_of_its_process(tmp_path: Path) -> None:
    process = multiprocessing.get_context("forkserver").Process(target=_save_and_die, args=(tmp_path,))
    process.start()
    await asyncio.to_thread(process.join, 30)
    assert process.exitcode == 9
    store = await _open(tmp_path)
    try:
        assert await store.get("ast_1") == _asset()
        assert await store.content(_asset()) == CONTENT
    finally:
        await store.close()
