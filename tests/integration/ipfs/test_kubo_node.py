"""Pinning at a real IPFS node through its Kubo RPC."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from configs.ipfs_address import parse_ipfs_api
from gitex.errors import NotFound, Unavailable
from gitex.publishing import Content, PinStatus
from storage.blobs import LocalBlobStore
from storage.ipfs.cid import Cid
from storage.ipfs.kubo import KuboNode, KuboPatience
from storage.ipfs.unixfs import file_blocks, file_cid
from tests.integration.ipfs_node_process import IpfsNode

PATIENCE = KuboPatience(call_s=30, block_s=0.5)
PINNED = PinStatus("pinned")


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs")


@pytest.fixture
async def kubo(ipfs_node: IpfsNode, blobs: LocalBlobStore) -> AsyncIterator[KuboNode]:
    kubo = KuboNode(parse_ipfs_api(ipfs_node.url), blobs, PATIENCE)
    yield kubo
    await kubo.close()


@pytest.fixture
async def frail_kubo(frail_ipfs_node: IpfsNode, blobs: LocalBlobStore) -> AsyncIterator[KuboNode]:
    kubo = KuboNode(frail_ipfs_node.address, blobs, PATIENCE)
    yield kubo
    await kubo.close()


def _bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{size} {seed}").randbytes(size)


async def _kept(blobs: LocalBlobStore, data: bytes) -> Content:
    return Content(str(file_cid([data])), "a picture.png", await blobs.put(data), len(data))


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 5_000_000])
async def test_the_node_computes_our_cid_and_keeps_every_block(
    kubo: KuboNode, blobs: LocalBlobStore, size: int
) -> None:
    data = _bytes(size)
    content = await _kept(blobs, data)
    assert await kubo.status(content.cid) is None
    assert await kubo.pin(content) == PINNED
    assert await kubo.pin(content) == PINNED
    assert await kubo.status(content.cid) == PINNED
    for block in file_blocks([data]):
        fetched = await kubo.block(str(block.cid))
        assert block.cid == Cid.of(block.cid.codec, fetched)


async def test_what_is_unpinned_is_no_longer_pinned_and_may_be_unpinned_again(
    kubo: KuboNode, blobs: LocalBlobStore
) -> None:
    content = await _kept(blobs, _bytes(300_000, seed=1))
    await kubo.pin(content)
    for _ in range(2):
        await kubo.unpin(content.cid)
        assert await kubo.status(content.cid) is None
    assert await kubo.pin(content) == PINNED


async def test_a_leaf_of_a_pinned_file_is_not_pinned_itself(kubo: KuboNode, blobs: LocalBlobStore) -> None:
    data = _bytes(300_000, seed=2)
    content = await _kept(blobs, data)
    await kubo.pin(content)
    leaf = next(iter(file_blocks([data]))).cid
    assert await kubo.status(str(leaf)) is None
    await kubo.unpin(str(leaf))
    assert await kubo.status(content.cid) == PINNED


async def test_a_block_that_nobody_has_is_not_found(kubo: KuboNode) -> None:
    with pytest.raises(NotFound):
        await kubo.block(str(Cid.of("raw", b"nobody ever added this")))
    await kubo.check()


async def test_many_pins_at_once_are_all_kept(kubo: KuboNode, blobs: LocalBlobStore) -> None:
    contents = [await _kept(blobs, _bytes(50_000, seed=seed)) for seed in range(3, 15)]
    assert await asyncio.gather(*(kubo.pin(content) for content in contents)) == [PINNED] * len(contents)
    assert await asyncio.gather(*(kubo.status(content.cid) for content in contents)) == [PINNED] * len(contents)


async def test_two_clients_pin_the_same_content(ipfs_node: IpfsNode, kubo: KuboNode, blobs: LocalBlobStore) -> None:
    content = await _kept(blobs, _bytes(1_000_000, seed=20))
    other = KuboNode(ipfs_node.address, blobs, PATIENCE)
    assert await asyncio.gather(kubo.pin(content), other.pin(content)) == [PINNED] * 2
    await other.close()


async def test_pins_survive_a_restart_and_the_same_client_goes_on(
    frail_ipfs_node: IpfsNode, frail_kubo: KuboNode, blobs: LocalBlobStore
) -> None:
    before = await _kept(blobs, _bytes(300_000))
    await frail_kubo.pin(before)
    await asyncio.to_thread(frail_ipfs_node.restart)
    assert await frail_kubo.status(before.cid) == PINNED
    assert await frail_kubo.block(before.cid)
    after = await _kept(blobs, _bytes(10))
    assert await frail_kubo.pin(after) == PINNED


async def test_a_node_killed_in_the_middle_of_an_add_is_unavailable_and_pins_after_its_restart(
    frail_ipfs_node: IpfsNode, frail_kubo: KuboNode, blobs: LocalBlobStore
) -> None:
    data = _bytes(24_000_000)
    content = await _kept(blobs, data)
    adding = asyncio.create_task(frail_kubo.pin(content))
    while len(_leaves(frail_ipfs_node)) < 20:
        assert not adding.done()
        await asyncio.sleep(0.005)
    await asyncio.to_thread(frail_ipfs_node.kill)
    with pytest.raises(Unavailable):
        await adding
    with pytest.raises(Unavailable):
        await frail_kubo.status(content.cid)
    assert len(_leaves(frail_ipfs_node)) < len(data) // 2**18
    await asyncio.to_thread(frail_ipfs_node.start)
    assert await frail_kubo.status(content.cid) is None
    assert await frail_kubo.pin(content) == PINNED
    assert await frail_kubo.status(content.cid) == PINNED
    last = list(file_blocks([data]))[-2]
    assert await frail_kubo.block(str(last.cid))


def _leaves(node: IpfsNode) -> list[Path]:
    return [file for file in (node.repo / "blocks").rglob("*.data") if file.stat().st_size == 2**18]
