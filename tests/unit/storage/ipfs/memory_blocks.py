"""Blocks in a dict, and bytes for files that anybody can make again."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gitex.errors import NotFound
from storage.ipfs.cid import Cid
from storage.ipfs.unixfs import FileBuilder, PlacedBlock

PIECE = 65536


@dataclass
class MemoryBlocks:
    """Serves blocks, and remembers which ones were asked for."""

    blocks: dict[Cid, bytes] = field(default_factory=dict)
    fetched: list[Cid] = field(default_factory=list)

    async def get(self, cid: Cid) -> bytes:
        self.fetched.append(cid)
        if cid not in self.blocks:
            raise NotFound(f"no block {cid}")
        return self.blocks[cid]

    async def put(self, cid: Cid, data: bytes) -> None:
        self.blocks[cid] = data

    def keep(self, placed: Iterable[PlacedBlock]) -> PlacedBlock:
        """Keep all of them; returns the last one, the root."""
        block = None
        for block in placed:
            self.blocks[block.cid] = block.data
        assert block is not None
        return block


def stream(size: int) -> Iterator[bytes]:
    """The bytes that `make_golden.mjs` uses: piece i is SHAKE128 of "gitex golden i"."""
    for index, start in enumerate(range(0, size, PIECE)):
        yield hashlib.shake_128(f"gitex golden {index}".encode()).digest(min(PIECE, size - start))


def small_blocks(pieces: Iterable[bytes], chunk_bytes: int = 4, max_links: int = 3) -> Iterator[PlacedBlock]:
    """A deep DAG of few bytes."""
    builder = FileBuilder(chunk_bytes, max_links)
    for piece in pieces:
        yield from builder.write(piece)
    yield from builder.close()
