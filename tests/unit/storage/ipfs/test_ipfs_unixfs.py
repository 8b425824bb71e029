"""The CID of a file or directory is the one that other implementations give it, however the bytes arrive."""

import hashlib
import json
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import pairwise, repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import InvalidInput
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link
from storage.ipfs.unixfs import (
    CHUNK_BYTES,
    FileBuilder,
    PlacedBlock,
    directory_block,
    file_blocks,
    file_blocks_of,
    file_cid,
)
from tests.unit.storage.ipfs.memory_blocks import small_blocks, stream

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
SOURCES = ("ipfs-unixfs-importer", "@ipld/unixfs", "js-ipfs")
SMALL = GOLDEN["small_chunks"]
MIB = 1024 * 1024


def _last(blocks: Iterable[PlacedBlock]) -> PlacedBlock:
    *_, last = blocks
    return last


@pytest.mark.parametrize("vector", GOLDEN["files"], ids=lambda vector: str(vector["size"]))
def test_a_file_has_the_cid_and_the_size_that_others_give_it(vector: dict[str, object]) -> None:
    size = vector["size"]
    assert isinstance(size, int)
    content = b"".join(stream(size))
    assert hashlib.sha256(content).hexdigest() == vector["sha256"]
    root, cids = None, set()
    for root in file_blocks([content]):
        cids.add(root.cid)
    assert root is not None
    assert len(cids) == vector["blocks"]
    assert file_cid(stream(size)) == root.cid
    for source in SOURCES:
        assert vector[source] == {"cid": str(root.cid), "tsize": root.tsize}, source


@pytest.mark.parametrize("vector", SMALL["files"], ids=lambda vector: str(vector["size"]))
def test_a_deep_dag_is_laid_out_as_others_lay_it_out(vector: dict[str, object]) -> None:
    size = vector["size"]
    assert isinstance(size, int)
    root = _last(small_blocks(stream(size), SMALL["chunk_bytes"], SMALL["max_links"]))
    for source in SOURCES[:2]:
        assert vector[source] == {"cid": str(root.cid), "tsize": root.tsize}, source


def test_a_directory_has_the_cid_and_the_size_that_others_give_it() -> None:
    files = {path: _last(file_blocks(stream(size))) for path, size in GOLDEN["directory"]["entries"].items()}
    links = {path: Link(block.cid, path.removeprefix("a/"), block.tsize) for path, block in files.items()}
    inner = directory_block(link for path, link in links.items() if path.startswith("a/"))
    outer = [link for path, link in links.items() if not path.startswith("a/")]
    root = directory_block([*outer, Link(inner.cid, "a", inner.tsize)])
    for source in SOURCES:
        assert GOLDEN["directory"][source] == {"cid": str(root.cid), "tsize": root.tsize}, source


def test_what_every_kubo_node_knows_by_heart() -> None:
    """The empty file and the empty directory, whose CIDs Kubo's own documentation and tests name."""
    assert str(file_cid([])) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert str(directory_block([]).cid) == "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=12))
def test_any_cutting_of_the_bytes_gives_the_same_blocks(content: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = [content[start:end] for start, end in pairwise(edges)]
    whole = list(small_blocks([content]))
    assert list(small_blocks(pieces)) == whole
    builder = FileBuilder(4, 3)
    for piece in pieces:
        builder.skim(bytearray(piece))
    assert list(builder.close())[-1:] in ([], whole[-1:])
    assert builder.root == whole[-1].cid


@given(content=st.binary(max_size=200))
def test_leaves_say_where_they_stand_and_sizes_add_up(content: bytes) -> None:
    blocks = list(small_blocks([content]))
    leaves = [block for block in blocks if block.offset is not None]
    assert b"".join(block.data for block in leaves) == content
    assert all(content[leaf.offset :].startswith(leaf.data) for leaf in leaves)
    assert blocks[-1].tsize == sum(len(block.data) for block in blocks)
    assert all(block.cid == Cid.of(block.cid.codec, block.data) for block in blocks)


async def test_a_stream_gives_the_same_blocks_as_a_list() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in stream(CHUNK_BYTES * 2 + 1):
            yield piece

    assert [block async for block in file_blocks_of(pieces())] == list(file_blocks(stream(CHUNK_BYTES * 2 + 1)))


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("piece_bytes", [MIB, 100_000])
def test_a_file_of_100_mb_is_never_held(piece_bytes: int) -> None:
    piece = bytes(piece_bytes)
    count = 100_000_000 // piece_bytes
    assert _peak(lambda: file_cid(repeat(piece, count))) < MIB
    assert _peak(lambda: deque(file_blocks(repeat(piece, count)), maxlen=0)) < MIB


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "nul\0", "\ud800", "x" * 256])
def test_names_that_lead_elsewhere_cannot_be_in_a_directory(name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        directory_block([Link(file_cid([]), name, 0)])


def test_a_directory_has_each_name_once_and_is_not_sharded() -> None:
    star = Link(Cid.of("raw", b"star"), "star", 4)
    with pytest.raises(InvalidInput, match="one entry"):
        directory_block([star, star])
    with pytest.raises(InvalidInput, match="sharded"):
        directory_block(Link(star.cid, f"{index:0>64}", 4) for index in range(2622))
    assert directory_block(Link(star.cid, f"{index:0>64}", 4) for index in range(2621)).tsize > 262144
