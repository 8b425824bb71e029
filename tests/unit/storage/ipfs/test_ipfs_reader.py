"""Reading out of blocks: every range is the slice, only needed blocks are fetched, none is believed unchecked."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import CidMismatch, InvalidInput, NotFound
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link, Node, UnixFs, encode_node, encode_unixfs
from storage.ipfs.protobuf import number_field
from storage.ipfs.reader import MAX_DEPTH, Stat, list_directory, read_file, resolve, stat, walk
from storage.ipfs.unixfs import directory_block, file_blocks
from tests.unit.storage.ipfs.memory_blocks import MemoryBlocks, small_blocks


async def _read(blocks: MemoryBlocks, cid: Cid, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([part async for part in read_file(blocks.get, cid, start, length)])


def _made(blocks: MemoryBlocks, node: Node) -> Cid:
    data = encode_node(node)
    cid = Cid.of("dag-pb", data)
    blocks.blocks[cid] = data
    return cid


@given(content=st.binary(max_size=200), start=st.integers(0, 210), length=st.none() | st.integers(0, 210))
def test_any_range_is_the_slice(content: bytes, start: int, length: int | None) -> None:
    blocks = MemoryBlocks()
    root = blocks.keep(small_blocks([content])).cid
    expected = content[start:] if length is None else content[start : start + length]
    assert asyncio.run(_read(blocks, root, start, length)) == expected
    assert asyncio.run(stat(blocks.get, root)) == Stat("file", len(content))


@given(seed=st.integers(0, 255), start=st.integers(0, 108), length=st.integers(1, 108))
def test_a_range_fetches_only_the_blocks_that_lead_to_it(seed: int, start: int, length: int) -> None:
    content = bytes((seed + index) % 256 for index in range(108))
    blocks = MemoryBlocks()
    root = blocks.keep(small_blocks([content])).cid
    asyncio.run(_read(blocks, root, start, length))
    leaves = [cid for cid in blocks.fetched if cid.codec == "raw"]
    assert len(leaves) == len({at // 4 for at in range(start, min(start + length, 108))})
    assert len(blocks.fetched) - len(leaves) <= 1 + 3 * (len(leaves) + 1)


async def test_files_of_other_writers_are_read() -> None:
    """Leaves in UnixFS, as version 0 has them, and bytes in a node above leaves, as trickle DAGs have them."""
    blocks = MemoryBlocks()
    old_leaf = _made(blocks, Node((), encode_unixfs(UnixFs("raw", b"cd"))))
    file_leaf = _made(blocks, Node((), encode_unixfs(UnixFs("file", b"ef"))))
    v0 = Cid(0, "dag-pb", file_leaf.digest)
    blocks.blocks[v0] = blocks.blocks[file_leaf]
    links = (Link(old_leaf, "", 9), Link(v0, "", 9))
    root = _made(blocks, Node(links, encode_unixfs(UnixFs("file", b"ab", (2, 2)))))
    assert await _read(blocks, root) == b"abcdef"
    assert await _read(blocks, root, 1, 4) == b"bcde"
    assert await stat(blocks.get, root) == Stat("file", 6)


def _tree(blocks: MemoryBlocks) -> tuple[Cid, Cid]:
    """A directory with `star.txt` and `deep/er/ü 1.png`; returns it and the last file."""
    star = blocks.keep(small_blocks([b"star"]))
    moon = blocks.keep(small_blocks([b"a longer moon"]))
    inner = directory_block([Link(moon.cid, "ü 1.png", moon.tsize)])
    middle = directory_block([Link(inner.cid, "er", inner.tsize)])
    root = directory_block([Link(star.cid, "star.txt", star.tsize), Link(middle.cid, "deep", middle.tsize)])
    blocks.keep([inner, middle, root])
    return root.cid, moon.cid


async def test_paths_lead_through_directories() -> None:
    blocks = MemoryBlocks()
    root, moon = _tree(blocks)
    assert await resolve(blocks.get, root, "") == root
    assert await resolve(blocks.get, root, "/deep//er/ü 1.png") == moon
    assert await stat(blocks.get, root) == Stat("directory", 0)
    assert [link.name for link in await list_directory(blocks.get, root)] == ["deep", "star.txt"]


@pytest.mark.parametrize("path", ["moon.txt", "star.txt/x", "deep/star.txt", "deep/er/u 1.png", "STAR.TXT"])
async def test_what_is_not_there_is_not_found(path: str) -> None:
    blocks = MemoryBlocks()
    root, _ = _tree(blocks)
    with pytest.raises(NotFound, match="has no entry"):
        await resolve(blocks.get, root, path)


@pytest.mark.parametrize("path", ["..", "deep/../star.txt", "./star.txt", "nul\0", "a/" * (MAX_DEPTH + 1), "a" * 5000])
async def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    blocks = MemoryBlocks()
    root, _ = _tree(blocks)
    with pytest.raises(InvalidInput, match="path"):
        await resolve(blocks.get, root, path)


async def test_a_directory_is_not_read_and_a_file_is_not_listed() -> None:
    blocks = MemoryBlocks()
    root, moon = _tree(blocks)
    with pytest.raises(InvalidInput, match="is a directory"):
        await _read(blocks, root)
    with pytest.raises(InvalidInput, match="not a directory"):
        await list_directory(blocks.get, moon)
    for start, length in ((-1, None), (0, -1)):
        with pytest.raises(InvalidInput, match="range"):
            await _read(blocks, moon, start, length)


async def test_a_sharded_directory_is_refused_by_name() -> None:
    blocks = MemoryBlocks()
    shard = _made(blocks, Node((), number_field(1, 5)))
    for doing in (resolve(blocks.get, shard, "x"), stat(blocks.get, shard), list_directory(blocks.get, shard)):
        with pytest.raises(InvalidInput, match="HAMT"):
            await doing


async def test_other_bytes_than_were_asked_for_are_never_given_out() -> None:
    blocks = MemoryBlocks()
    root, moon = _tree(blocks)
    leaf = [cid async for cid in walk(blocks.get, moon)][-1]
    blocks.blocks[leaf] = b"evil"
    reading = read_file(blocks.get, moon)
    assert [await anext(reading) for _ in range(3)] == [b"a lo", b"nger", b" moo"]
    with pytest.raises(CidMismatch):
        await anext(reading)
    blocks.blocks[root] = b""
    with pytest.raises(CidMismatch):
        await resolve(blocks.get, root, "star.txt")


async def test_a_missing_block_is_not_found_and_a_huge_one_is_refused() -> None:
    blocks = MemoryBlocks()
    with pytest.raises(NotFound):
        await _read(blocks, Cid.of("raw", b"star"))
    huge = bytes(2 * 1024 * 1024 + 1)
    blocks.blocks[Cid.of("raw", huge)] = huge
    with pytest.raises(InvalidInput, match="over 2097152 bytes"):
        await _read(blocks, Cid.of("raw", huge))


async def test_a_link_that_lies_about_the_bytes_below_it_is_refused() -> None:
    blocks = MemoryBlocks()
    leaf = blocks.keep(small_blocks([b"star"])).cid
    root = _made(blocks, Node((Link(leaf, "", 5),), encode_unixfs(UnixFs("file", blocksizes=(5,)))))
    with pytest.raises(InvalidInput, match="malformed"):
        await _read(blocks, root)


def _tower(blocks: MemoryBlocks, floors: int, width: int, leaf: bytes) -> Cid:
    """A DAG of few blocks that spell out width ** floors leaves."""
    cid, size = Cid.of("raw", leaf), len(leaf)
    blocks.blocks[cid] = leaf
    for _ in range(floors):
        links = (Link(cid, "", 0),) * width
        cid = _made(blocks, Node(links, encode_unixfs(UnixFs("file", blocksizes=(size,) * width))))
        size *= width
    return cid


async def test_a_dag_bomb_is_read_as_far_as_it_is_asked_and_walked_block_by_block() -> None:
    blocks = MemoryBlocks()
    root = _tower(blocks, 10, 50, b"star")
    assert await _read(blocks, root, 10**17, 6) == b"starst"
    assert len(blocks.fetched) < 30
    assert len([cid async for cid in walk(blocks.get, root)]) == 11


async def test_parts_of_a_file_that_hold_nothing_are_not_fetched() -> None:
    blocks = MemoryBlocks()
    nothing = _tower(blocks, 3, 20, b"")
    star = blocks.keep(small_blocks([b"star"])).cid
    links = (Link(star, "", 4), Link(nothing, "", 0))
    root = _made(blocks, Node(links, encode_unixfs(UnixFs("file", blocksizes=(4, 0)))))
    assert await _read(blocks, root) == b"star"
    assert blocks.fetched == [root, star]


async def test_a_dag_that_is_too_deep_or_too_large_is_refused() -> None:
    blocks = MemoryBlocks()
    deep = _tower(blocks, MAX_DEPTH + 1, 1, b"star")
    with pytest.raises(InvalidInput, match="malformed"):
        await _read(blocks, deep)
    with pytest.raises(InvalidInput, match="levels"):
        assert [cid async for cid in walk(blocks.get, deep)]
    wide = blocks.keep(small_blocks([bytes(range(40))])).cid
    found = [cid async for cid in walk(blocks.get, wide)]
    assert len([cid async for cid in walk(blocks.get, wide, max_blocks=len(found))]) == len(found)
    with pytest.raises(InvalidInput, match="blocks"):
        assert [cid async for cid in walk(blocks.get, wide, max_blocks=len(found) - 1)]


async def test_a_walk_gives_each_block_once_parents_first_and_fetches_no_leaf() -> None:
    blocks = MemoryBlocks()
    tree, moon = _tree(blocks)
    root = blocks.keep([directory_block([Link(tree, "a", 0), Link(moon, "b", 0)])]).cid
    found = [cid async for cid in walk(blocks.get, root)]
    assert found[:2] == [root, tree]
    assert len(found) == len(set(found))
    assert set(found) == set(blocks.blocks)
    assert all(cid.codec == "dag-pb" for cid in blocks.fetched)


_TREE = MemoryBlocks()
_ROOT = _tree(_TREE)[0]
_NODES = sorted(data for cid, data in _TREE.blocks.items() if cid.codec == "dag-pb")


@given(data=st.binary(max_size=80) | st.sampled_from(_NODES), at=st.integers(0, 90), byte=st.integers(0, 255))
def test_any_bytes_as_a_node_are_read_or_refused(data: bytes, at: int, byte: int) -> None:
    blocks = MemoryBlocks(dict(_TREE.blocks))
    node = data[:at] + bytes([byte]) + data[at + 1 :]
    cid = Cid.of("dag-pb", node)
    blocks.blocks[cid] = node

    async def drained() -> None:
        assert [found async for found in walk(blocks.get, cid)]

    doings: list[Callable[[], Awaitable[object]]] = [
        drained,
        lambda: _read(blocks, cid, 0, 100),
        lambda: resolve(blocks.get, cid, "er/x"),
        lambda: list_directory(blocks.get, cid),
    ]

    async def attempt(doing: Callable[[], Awaitable[object]]) -> None:
        with suppress(InvalidInput, NotFound):
            await doing()

    for doing in doings:
        asyncio.run(attempt(doing))


async def test_a_file_of_100_mb_is_read_without_being_held() -> None:
    blocks = MemoryBlocks()
    root = blocks.keep(file_blocks(repeat(bytes(1_000_000), 100)))
    tracemalloc.start()
    try:
        total = 0
        async for part in read_file(blocks.get, root.cid):
            total += len(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 100_000_000
    assert peak < 1024 * 1024
