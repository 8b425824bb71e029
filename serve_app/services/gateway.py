"""Reads content by its path, for anybody. Every block is checked by its hash before any of its bytes are handed on."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from gitex.errors import InvalidInput
from gitex.ports import PublicContent
from serve_app.services.content_paths import ContentPath
from serve_app.services.media_sniffing import HARMLESS, UNKNOWN, sniffed
from storage.ipfs.car import car_header, car_section
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link
from storage.ipfs.reader import (
    Block,
    GetBlock,
    Stat,
    checked_block,
    list_directory,
    read_file,
    resolve,
    stat,
    walk_blocks,
)
from storage.ipfs.unixfs import CHUNK_BYTES

DagScope = Literal["all", "entity", "block"]


@dataclass(frozen=True)
class CarScope:
    """Which blocks at the end of the path go into an archive."""

    scope: DagScope = "all"
    """All below it; what reading that file or listing that directory needs; the last block alone."""
    first: int | None = None
    """With `last`, which bytes of a file are wanted, from its begin or (negative) from its end."""
    last: int | None = None
    """Included; None for the file's end."""


@dataclass(frozen=True)
class Found:
    """Where a path led to. The blocks on the way are held, so that they are read once."""

    blocks: tuple[Block, ...]
    """Those that the root and each name of the path stand for."""

    @property
    def cid(self) -> Cid:
        """What stands at the path's end."""
        return self.blocks[-1].cid

    @property
    def block(self) -> bytes:
        """The block at the path's end."""
        return self.blocks[-1].data


class Gateway:
    """The use cases of the read gateway.

    All raise `NotFound`, `AssetDeleted`, `CidMismatch` for a corrupt block, `Unavailable`, and `InvalidInput` for a DAG
    of a kind that is not read here.
    """

    def __init__(self, content: PublicContent) -> None:
        self._content = content

    async def find(self, path: ContentPath) -> Found:
        """Follow a path to its end."""
        cid = path.root
        blocks = [Block(cid, await checked_block(self._get, cid))]
        for name in path.names:
            cid = await resolve(_remembering(blocks, self._get), cid, name)
            blocks.append(Block(cid, await checked_block(self._get, cid)))
        return Found(tuple(blocks))

    async def stat(self, found: Found) -> Stat:
        """A file and its size in bytes, or a directory."""
        return await stat(self._from(found), found.cid)

    async def media_type(self, found: Found, size: int) -> str:
        """Of a file with so many bytes: as its asset's row says, else by its first bytes."""
        known = await self._content.media_type(str(found.cid))
        if known:
            return known if known in HARMLESS else UNKNOWN
        begin = b"".join([part async for part in self.read(found, 0, CHUNK_BYTES)])
        return sniffed(begin, whole=len(begin) == size)

    def read(self, found: Found, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """A part of a file, a block at a time."""
        return read_file(self._from(found), found.cid, start, length)

    async def entries(self, found: Found) -> tuple[Link, ...]:
        """What lies in a directory."""
        return await list_directory(self._from(found), found.cid)

    async def car(self, found: Found, scope: CarScope) -> AsyncIterator[bytes]:
        """An archive (CAR v1) with the blocks of the path and those that `scope` says, depth first, each once."""
        # Asked before the archive begins: what cannot be had is told with a status.
        blocks = await self._scoped(found, scope)
        return _archive(found, blocks)

    async def _scoped(self, found: Found, scope: CarScope) -> AsyncIterator[Block]:
        if scope.scope == "all":
            return walk_blocks(self._from(found), found.cid)
        if scope.scope == "block" or not await self._is_file(found):
            return _alone(found)
        if scope.first is None:
            return walk_blocks(self._from(found), found.cid)
        size = (await self.stat(found)).size
        start, stop = _resolved(scope.first, scope.last, size)
        return self._reading(found, start, stop - start) if stop > start else _alone(found)

    async def _is_file(self, found: Found) -> bool:
        """What is not UnixFS has no bytes and no entries."""
        try:
            return (await self.stat(found)).kind == "file"
        except InvalidInput:
            return False

    async def _reading(self, found: Found, start: int, length: int) -> AsyncIterator[Block]:
        """The blocks that a reader of those bytes needs."""
        waiting: deque[Block] = deque()
        seen: set[Cid] = set()
        get = self._from(found)

        async def noted(cid: Cid) -> bytes:
            data = await checked_block(get, cid)
            if cid not in seen:
                seen.add(cid)
                waiting.append(Block(cid, data))
            return data

        async for _ in read_file(noted, found.cid, start, length):
            while waiting:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()

    async def _get(self, cid: Cid) -> bytes:
        return await self._content.block(str(cid))

    def _from(self, found: Found) -> GetBlock:
        return _remembering(found.blocks, self._get)


def _remembering(blocks: tuple[Block, ...] | list[Block], get_block: GetBlock) -> GetBlock:
    async def get(cid: Cid) -> bytes:
        held = next((block.data for block in blocks if block.cid == cid), None)
        return await get_block(cid) if held is None else held

    return get


async def _archive(found: Found, blocks: AsyncIterator[Block]) -> AsyncIterator[bytes]:
    yield car_header([found.cid])
    for block in found.blocks[:-1]:
        yield car_section(block)
    async for block in blocks:
        yield car_section(block)


async def _alone(found: Found) -> AsyncIterator[Block]:
    yield found.blocks[-1]


def _resolved(first: int, last: int | None, size: int) -> tuple[int, int]:
    """Where those bytes begin, and where they stop. Raise `InvalidInput` if all of them lie behind the file's end."""
    start = first if first >= 0 else max(0, size + first)
    stop = size if last is None else min(size, (last if last >= 0 else size + last) + 1)
    if start >= size > 0:
        raise InvalidInput(f"entity-bytes begins behind the end of {size} bytes", param="entity-bytes")
    return start, stop
