"""CAR archives: what goes out comes in, as others write them too, and nothing unchecked gets through."""

import asyncio
import base64
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import CidMismatch, InvalidInput
from storage.ipfs.car import MAX_ROOTS, CarLimits, CarReader, car_header, car_section, export_car, import_car
from storage.ipfs.cid import Cid
from storage.ipfs.reader import MAX_BLOCK_BYTES, Block
from storage.ipfs.unixfs import file_blocks
from storage.ipfs.varint import write_varint
from tests.unit.storage.ipfs.memory_blocks import MemoryBlocks, small_blocks, stream

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())["archive"]
ARCHIVE = base64.b64decode(GOLDEN["@ipld/car"])
STAR = Block(Cid.of("raw", b"star"), b"star")
V0 = Cid(0, "dag-pb", bytes(32))


def _block(name: Cid, data: bytes) -> Block:
    return Block(replace(name, digest=Cid.of("raw", data).digest), data)


names = st.sampled_from([STAR.cid, Cid(1, "dag-pb", bytes(32)), V0])
block_lists = st.lists(st.builds(_block, names, st.binary(max_size=300)), max_size=6)


async def _pieces(data: bytes, length: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), length):
        yield data[start : start + length]


async def _imported(
    data: bytes, length: int = 100, limits: CarLimits | None = None
) -> tuple[tuple[Cid, ...], MemoryBlocks]:
    blocks = MemoryBlocks()
    return await import_car(_pieces(data, length), blocks.put, limits), blocks


@given(blocks=block_lists, roots=st.integers(1, MAX_ROOTS), length=st.integers(1, 400))
def test_an_archive_comes_back_however_it_is_cut(blocks: list[Block], roots: int, length: int) -> None:
    named = [Cid(1, "raw", bytes([index] * 32)) for index in range(roots - 1)] + [V0]
    data = car_header(named) + b"".join(car_section(block) for block in blocks)
    found, kept = asyncio.run(_imported(data, length))
    assert found == tuple(named)
    assert kept.blocks == dict(blocks)


async def test_an_archive_of_another_implementation_is_read() -> None:
    roots, kept = await _imported(ARCHIVE)
    ours = MemoryBlocks()
    root = ours.keep(small_blocks(stream(GOLDEN["size"]))).cid
    assert [str(cid) for cid in roots] == [GOLDEN["root"]] == [str(root)]
    assert kept.blocks == ours.blocks


async def test_our_archive_of_the_same_dag_has_the_same_parts() -> None:
    blocks = MemoryBlocks()
    root = blocks.keep(small_blocks(stream(GOLDEN["size"]))).cid
    header, *sections = [part async for part in export_car(blocks.get, root)]
    assert ARCHIVE.startswith(header)
    assert sorted(sections) == sorted(car_section(Block(*pair)) for pair in blocks.blocks.items())
    assert len(ARCHIVE) == len(header) + sum(map(len, sections))
    assert all(section in ARCHIVE for section in sections)


@given(content=st.binary(max_size=200))
def test_a_dag_that_is_exported_and_imported_is_whole_and_each_block_is_fetched_once(content: bytes) -> None:
    async def there_and_back() -> None:
        blocks, back = MemoryBlocks(), MemoryBlocks()
        root = blocks.keep(small_blocks([content])).cid
        assert await import_car(export_car(blocks.get, root), back.put) == (root,)
        assert back.blocks == blocks.blocks
        assert len(blocks.fetched) == len(blocks.blocks)

    asyncio.run(there_and_back())


async def test_a_header_with_its_keys_the_other_way_round_is_read() -> None:
    header = b"\xa2\x67version\x01\x65roots\x81\xd8\x2a\x58\x25\x00" + bytes(STAR.cid)
    roots, _ = await _imported(write_varint(len(header)) + header + car_section(STAR))
    assert roots == (STAR.cid,)


def _headed(header: bytes) -> bytes:
    return write_varint(len(header)) + header


_CID = b"\xd8\x2a\x58\x25\x00" + bytes(STAR.cid)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff" * 11,
        b"GIF89a" * 300,
        _headed(b"\xa2\x65roots\x80\x67version\x01"),
        _headed(b"\xa2\x65roots\x81" + _CID + b"\x67version\x02"),
        _headed(b"\xa2\x65roots\x81" + _CID + b"\x67version\x01\0"),
        _headed(b"\xa2\x65roots\x82" + _CID + b"\x67version\x01"),
        _headed(b"\xa2\x65roots\x81" + _CID[:-1] + b"\x67version\x01"),
        _headed(b"\xa2\x65roots\x81"),
        _headed(b"\xa2\x65roots"),
        _headed(b"\xa2\x65roots\x81\xd8\x2a\x58"),
        car_header([STAR.cid])[:-1],
        car_header([STAR.cid]) + car_section(STAR)[:-1],
        car_header([STAR.cid]) + b"\x80",
        car_header([STAR.cid]) + b"\0",
        car_header([STAR.cid]) + b"\x04star",
        _headed(b"\xa2\x65roots\x81" + _CID.replace(b"\0", b"\1", 1) + b"\x67version\x01"),
        car_header([STAR.cid]) + car_section(Block(STAR.cid, b"evil")),
    ],
    ids=range(19),
)
async def test_what_is_not_an_archive_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        await _imported(data)


@pytest.mark.parametrize(
    "begin", [write_varint(1025), car_header([STAR.cid]) + write_varint(MAX_BLOCK_BYTES + 37)], ids=["header", "block"]
)
def test_a_part_that_claims_to_be_too_large_is_refused_before_it_comes(begin: bytes) -> None:
    with pytest.raises(InvalidInput, match="over"):
        list(CarReader().write(begin))


async def test_version_2_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="CAR v2"):
        await _imported(bytes.fromhex("0aa16776657273696f6e02") + bytes(40))


@pytest.mark.parametrize("roots", [0, MAX_ROOTS + 1])
def test_an_archive_is_not_written_without_roots_or_with_too_many(roots: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 23"):
        car_header([STAR.cid] * roots)


async def test_an_archive_over_the_limits_is_refused() -> None:
    data = car_header([STAR.cid]) + car_section(STAR) * 2
    assert await _imported(data, limits=CarLimits(max_bytes=len(data), max_blocks=2))
    with pytest.raises(InvalidInput, match="bytes"):
        await _imported(data, limits=CarLimits(max_bytes=len(data) - 1))
    with pytest.raises(InvalidInput, match="blocks"):
        await _imported(data, limits=CarLimits(max_blocks=1))


async def test_a_corrupt_store_is_not_exported() -> None:
    blocks = MemoryBlocks({STAR.cid: b"evil"})
    with pytest.raises(CidMismatch):
        assert [part async for part in export_car(blocks.get, STAR.cid)]


@given(data=st.binary(max_size=200), at=st.integers(0, len(ARCHIVE)), byte=st.integers(0, 255), cut=st.booleans())
def test_any_bytes_are_an_archive_or_refused(data: bytes, at: int, byte: int, cut: bool) -> None:
    """Garbage, and a good archive with one byte changed or its end cut off: nothing that comes out is unchecked."""
    for archive in (data, ARCHIVE[:at] + bytes([byte]) + (b"" if cut else ARCHIVE[at + 1 :]), ARCHIVE[:at] + data):
        reader = CarReader()
        try:
            for block in reader.write(archive):
                block.cid.check(block.data)
            reader.close()
        except InvalidInput:
            pass


class _Counting:
    """A 100 MB file of distinct chunks that is made anew whenever a block is asked for."""

    chunk = 262144

    def __init__(self) -> None:
        self.places: dict[Cid, int] = {}
        self.nodes = MemoryBlocks()
        for block in file_blocks(self.pieces()):
            if block.offset is None:
                self.nodes.blocks[block.cid] = block.data
            else:
                self.places[block.cid] = block.offset // self.chunk
        self.root = block.cid

    def pieces(self) -> Iterator[bytes]:
        return map(self.piece, range(382))

    def piece(self, index: int) -> bytes:
        return index.to_bytes(8) * (self.chunk // 8)

    async def get(self, cid: Cid) -> bytes:
        return self.piece(self.places[cid]) if cid in self.places else await self.nodes.get(cid)


async def test_an_archive_of_100_mb_is_written_and_read_without_being_held() -> None:
    source = _Counting()
    seen: set[Cid] = set()

    async def note(cid: Cid, data: bytes) -> None:
        seen.add(cid)

    tracemalloc.start()
    try:
        await import_car(export_car(source.get, source.root), note)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == set(source.places) | set(source.nodes.blocks)
    assert peak < 3 * 1024 * 1024
