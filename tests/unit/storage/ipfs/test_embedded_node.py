"""The embedded node over a real folder of blobs, on SQLite and PostgreSQL."""

import asyncio
import multiprocessing
import os
import random
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gitex.errors import AssetNotFound, CidMismatch, InvalidInput, NotFound, Unavailable
from gitex.ports import PinTarget, PublicContent
from gitex.publishing import Content, PinStatus
from storage.healing_blobs import HealingBlobStore
from storage.ipfs.cid import Cid
from storage.ipfs.embedded import EmbeddedNode
from storage.ipfs.public import SqlPublicContent
from storage.ipfs.reader import walk
from storage.ipfs.unixfs import CHUNK_BYTES, file_blocks, file_cid
from tests.fakes.stores import MemoryRecorder
from tests.unit.storage.ipfs.kept_node import Node, opened

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * 2**20 + 5]
BIG = random.Random(5).randbytes(3 * CHUNK_BYTES + 17)


@pytest.fixture
async def kept(database_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    node = await opened(database_url, tmp_path / "blobs")
    yield node
    await node.assets.close()


def test_the_node_is_a_pin_target_and_its_content_is_public(sqlite_url: str, tmp_path: Path) -> None:
    async def run() -> None:
        node = await opened(sqlite_url, tmp_path)
        target: PinTarget = node.node
        content: PublicContent = node.public
        assert target.name == "embedded"
        await target.check()
        assert await content.media_type(str(Cid.of("raw", b""))) == ""
        await node.assets.close()

    asyncio.run(run())


async def test_what_is_pinned_comes_back_block_by_block(kept: Node) -> None:
    for size in SIZES:
        data = random.Random(size).randbytes(size)
        content = await kept.add(data)
        assert await kept.node.status(content.cid) is None
        assert await kept.node.pin(content) == PinStatus("pinned")
        assert await kept.node.status(content.cid) == PinStatus("pinned")
        assert await kept.read(content.cid) == data
        for block in file_blocks([data]):
            assert await kept.node.block(str(block.cid)) == block.data


async def test_leaves_are_not_stored_twice(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    names = {name: await kept.blobs.size(name) async for name, _ in kept.blobs.names()}
    assert len(names) == 2
    assert names.pop(content.blob) == len(BIG)
    assert max(size or 0 for size in names.values()) < 1024


async def test_pinning_again_changes_nothing(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    before = await kept.rows()
    assert await kept.node.pin(content) == PinStatus("pinned")
    assert await kept.rows() == before == 5


async def test_equal_blocks_of_one_file_are_one_row(kept: Node) -> None:
    content = await kept.add(bytes(4 * CHUNK_BYTES))
    await kept.node.pin(content)
    assert await kept.rows() == 2
    assert await kept.read(content.cid) == bytes(4 * CHUNK_BYTES)


async def test_other_content_than_the_cid_says_is_refused_and_leaves_no_rows(kept: Node) -> None:
    content = await kept.add(BIG)
    other = str(Cid.of("raw", b"other"))
    with pytest.raises(CidMismatch, match=content.cid):
        await kept.node.pin(replace(content, cid=other))
    assert await kept.rows() == 0
    assert await kept.node.status(other) is None


async def test_a_blob_that_is_missing_or_corrupt_cannot_be_pinned(kept: Node) -> None:
    content = await kept.add(BIG)
    with pytest.raises(AssetNotFound):
        await kept.node.pin(replace(content, blob="0" * 64))
    kept.spoil(content.blob, 7)
    with pytest.raises(CidMismatch):
        await kept.node.pin(content)
    assert await kept.rows() == 0


async def test_what_is_no_cid_is_refused(kept: Node) -> None:
    for ask in (kept.node.block, kept.node.status, kept.node.unpin, kept.public.block, kept.public.media_type):
        for garbage in ("", "x", "bafy", "../etc/passwd", "Qm" + "1" * 44):
            with pytest.raises(InvalidInput):
                await ask(garbage)


async def test_unpinning_forgets_one_root_and_not_what_others_share(kept: Node) -> None:
    shared = BIG[:CHUNK_BYTES]
    one, two = await kept.add(shared), await kept.add(shared + b"more")
    await kept.node.pin(one)
    await kept.node.pin(two)
    await kept.node.unpin(one.cid)
    await kept.node.unpin(one.cid)
    assert await kept.node.status(one.cid) is None
    assert await kept.read(two.cid) == shared + b"more"
    await kept.node.unpin(two.cid)
    with pytest.raises(NotFound):
        await kept.node.block(two.cid)
    assert await kept.rows() == 0


async def test_a_corrupt_block_is_never_given_and_the_sound_ones_are(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    kept.spoil(content.blob, CHUNK_BYTES + 3)
    leaves = [block for block in file_blocks([BIG]) if block.offset is not None]
    with pytest.raises(CidMismatch):
        await kept.node.block(str(leaves[1].cid))
    assert await kept.node.block(str(leaves[0].cid)) == leaves[0].data
    with pytest.raises(CidMismatch):
        await kept.read(content.cid)


async def test_a_sound_copy_of_a_block_in_another_blob_is_found(kept: Node) -> None:
    one, two = await kept.add(BIG), await kept.add(BIG + b"more")
    await kept.node.pin(one)
    await kept.node.pin(two)
    kept.spoil(one.blob, 3)
    assert await kept.read(one.cid) == BIG
    await kept.blobs.delete(one.blob)
    assert await kept.read(one.cid, 0, CHUNK_BYTES) == BIG[:CHUNK_BYTES]
    await kept.blobs.delete(two.blob)
    with pytest.raises(NotFound):
        await kept.read(one.cid)


async def test_a_store_that_can_mends_a_corrupt_blob_before_its_block_is_given(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    kept.spoil(content.blob, CHUNK_BYTES + 3)
    elsewhere: dict[str, bytes] = {}

    async def refetch(blob: str) -> bytes | None:
        return elsewhere.get(blob)

    healing = HealingBlobStore(kept.blobs, refetch, MemoryRecorder())
    leaf = str(Cid.of("raw", BIG[CHUNK_BYTES : 2 * CHUNK_BYTES]))
    for door in (EmbeddedNode(kept.assets.engine, healing), SqlPublicContent(kept.assets.engine, healing)):
        elsewhere.clear()
        with pytest.raises(CidMismatch):
            await door.block(leaf)
        elsewhere[content.blob] = BIG
        assert await door.block(leaf) == BIG[CHUNK_BYTES : 2 * CHUNK_BYTES]
        assert await kept.blobs.get(content.blob) == BIG
        kept.spoil(content.blob, CHUNK_BYTES + 3)


async def test_pinning_again_mends_what_was_lost(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    [inner] = [name async for name, _ in kept.blobs.names() if name != content.blob]
    await kept.blobs.delete(inner)
    kept.spoil(content.blob, 0)
    await kept.blobs.put(BIG)
    await kept.node.pin(content)
    assert await kept.read(content.cid) == BIG


async def test_a_block_is_found_by_every_spelling_of_its_cid(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    root = Cid.parse(content.cid)
    for spelling in (str(Cid(0, "dag-pb", root.digest)), root.base36()):
        assert await kept.node.block(spelling) == await kept.node.block(content.cid)
        assert await kept.node.status(spelling) == PinStatus("pinned")
    with pytest.raises(NotFound):
        await kept.node.block(str(Cid(1, "raw", root.digest)))


async def test_many_at_once_pin_the_same_and_overlapping_content(kept: Node) -> None:
    contents = [await kept.add(BIG), await kept.add(BIG[: 2 * CHUNK_BYTES])]
    await asyncio.gather(*(kept.node.pin(content) for content in contents * 4))
    assert await kept.rows() == 5 + 3
    assert await kept.read(contents[0].cid) == BIG


def _pin(url: str, folder: Path, start: Barrier, rounds: int) -> None:
    async def run() -> None:
        node = await opened(url, folder)
        for turn in range(rounds):
            content = await node.add(BIG + bytes([turn]))
            start.wait(30)
            await node.node.pin(content)
        await node.assets.close()

    asyncio.run(run())


async def test_two_processes_pin_the_same_content_at_once(kept: Node, database_url: str) -> None:
    rounds, count = 4, 2
    context = multiprocessing.get_context("forkserver")
    start = context.Barrier(count)
    arguments = (database_url, kept.folder, start, rounds)
    processes = [context.Process(target=_pin, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join, 60)
    assert [process.exitcode for process in processes] == [0] * count
    assert await kept.rows() == rounds * 5
    for turn in range(rounds):
        data = BIG + bytes([turn])
        assert await kept.read(str(file_cid([data]))) == data


async def test_a_pin_that_is_cancelled_leaves_no_half_pinned_root(kept: Node) -> None:
    content = await kept.add(BIG)
    for turn in range(15):
        task = asyncio.create_task(kept.node.pin(content))
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await kept.rows() in (0, 5)
    await kept.node.pin(content)
    assert await kept.read(content.cid) == BIG


async def test_100_mb_are_pinned_in_bounded_memory(sqlite_url: str, tmp_path: Path) -> None:
    kept = await opened(sqlite_url, tmp_path / "blobs")
    piece = random.Random(1).randbytes(2**20)

    async def pieces() -> AsyncIterator[bytes]:
        for turn in range(100):
            yield turn.to_bytes(4) + piece[4:]

    blob, size = await kept.blobs.put_stream(pieces())
    cid = str(file_cid(turn.to_bytes(4) + piece[4:] for turn in range(100)))
    tracemalloc.start()
    try:
        await kept.node.pin(Content(cid, "big.bin", blob, size))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20

    async def get(wanted: Cid) -> bytes:
        return await kept.node.block(str(wanted))

    assert len([cid async for cid in walk(get, Cid.parse(cid))]) == await kept.rows()
    await kept.assets.close()


async def test_a_database_that_fails_is_unavailable(kept: Node) -> None:
    content = await kept.add(BIG)
    async with kept.assets.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE blocks")
    for ask in (
        kept.node.pin(content),
        kept.node.block(content.cid),
        kept.node.check(),
        kept.public.block(content.cid),
    ):
        with pytest.raises(Unavailable):
            await ask


def _pin_and_die(url: str, folder: Path) -> None:
    async def run() -> None:
        node = await opened(url, folder)
        await node.node.pin(await node.add(BIG))
        os._exit(9)

    asyncio.run(run())


async def test_a_pin_survives_the_death_of_its_process(kept: Node, database_url: str) -> None:
    process = multiprocessing.get_context("forkserver").Process(target=_pin_and_die, args=(database_url, kept.folder))
    process.start()
    await asyncio.to_thread(process.join, 30)
    assert process.exitcode == 9
    assert await kept.read(str(file_cid([BIG]))) == BIG
