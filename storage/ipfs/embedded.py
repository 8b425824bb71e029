"""The embedded IPFS node: a block store whose leaves are slices of blobs that are kept anyway."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.errors import CidMismatch, NotFound
from gitex.ports import BlobStore
from gitex.publishing import Content, PinStatus
from storage.database import transaction
from storage.ipfs.cid import Cid
from storage.ipfs.unixfs import FileBuilder, PlacedBlock
from storage.tables import BlockRecord

log = logging.getLogger("gitex.ipfs")
PLACES = (
    select(BlockRecord.blob, BlockRecord.offset, BlockRecord.size)
    .where(BlockRecord.cid == bindparam("cid"))
    .distinct()
    .limit(4)
)
"""Where the block `cid` lies. The same block may lie in many blobs; a few are enough to find a sound copy."""


class Slice(NamedTuple):
    """Where a block's bytes lie."""

    blob: str
    offset: int
    size: int
    """In bytes, as `offset`."""


class EmbeddedNode:
    """Implements `gitex.ports.PinTarget`. Several processes may work on one database and blob store at once.

    A raw leaf is a part of the content's own blob; a node above leaves is a small blob of its own. Memory grows by one
    row for each 256 KiB of the content.
    """

    name = "embedded"

    def __init__(self, engine: AsyncEngine, blobs: BlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    async def pin(self, content: Content) -> PinStatus:
        """Cut the content's blob into blocks and keep their places.

        Pinning again reads the blob again and puts right what is missing. Raises `CidMismatch` if the blob's root is
        not `content.cid`, `AssetNotFound` if there is no such blob.
        """
        root = Cid.parse(content.cid).v1()
        places: dict[Cid, Slice] = {}
        last: Cid | None = None
        async for block in self._blocks(content.blob):
            last = block.cid
            if block.offset is not None:
                places.setdefault(last, Slice(content.blob, block.offset, len(block.data)))
            elif last not in places:
                places[last] = Slice(await self._blobs.put(block.data), 0, len(block.data))
        if last != root:
            raise CidMismatch(f"blob {content.blob} is {last}, not {root}")
        # All blobs are durable by now, so no row ever points to nothing.
        await self._keep(root, places)
        return PinStatus("pinned")

    async def status(self, cid: str) -> PinStatus | None:
        """`pinned` or None: there is nothing between, as the rows of a root are written in one transaction."""
        root = str(Cid.parse(cid).v1())
        async with transaction(self._engine) as session:
            found = await session.get(BlockRecord, (root, root))
        return None if found is None else PinStatus("pinned")

    async def unpin(self, cid: str) -> None:
        """Forget the root's blocks. The blobs stay until somebody sweeps up those that no row names."""
        root = str(Cid.parse(cid).v1())
        async with transaction(self._engine) as session:
            await session.execute(delete(BlockRecord).where(BlockRecord.root == root))

    async def block(self, cid: str) -> bytes:
        """One block, checked by its hash. Raises `NotFound` and, if only corrupt copies are left, `CidMismatch`."""
        wanted = Cid.parse(cid).v1()
        async with transaction(self._engine) as session:
            rows = (await session.execute(PLACES, {"cid": str(wanted)})).all()
        return await read_block(self._blobs, wanted, [Slice(*row) for row in rows])

    async def check(self) -> None:
        """Return if the database answers."""
        async with transaction(self._engine) as session:
            await session.execute(select(BlockRecord.cid).limit(1))

    async def _blocks(self, blob: str) -> AsyncIterator[PlacedBlock]:
        """The blocks of a blob, a piece at a time. Hashing goes on in a thread."""
        builder = FileBuilder()
        async for piece in self._blobs.read(blob):
            for block in await asyncio.to_thread(_listed, builder.write(piece)):
                yield block
        for block in await asyncio.to_thread(_listed, builder.close()):
            yield block

    async def _keep(self, root: Cid, places: dict[Cid, Slice]) -> None:
        postgres = self._engine.dialect.name == "postgresql"
        insert = postgresql.insert(BlockRecord) if postgres else sqlite.insert(BlockRecord)
        new = insert.excluded
        statement = insert.on_conflict_do_update(
            index_elements=["root", "cid"], set_={"blob": new.blob, "offset": new.offset, "size": new.size}
        )
        # In one order, so that two who pin the same content at once wait for each other and never in a circle.
        rows = sorted((str(cid), place) for cid, place in places.items())
        values = [{"root": str(root), "cid": cid, **place._asdict()} for cid, place in rows]
        async with transaction(self._engine) as session:
            await session.execute(statement, values)


async def read_block(blobs: BlobStore, cid: Cid, places: Sequence[Slice]) -> bytes:
    """The block from the first of the places that has it. Raise `NotFound`, `CidMismatch` as `EmbeddedNode.block`."""
    corrupt: list[Slice] = []
    for place in places:
        try:
            data = b"".join([chunk async for chunk in blobs.read(place.blob, place.offset, place.size)])
            cid.check(data)
            return data
        except NotFound as problem:
            log.error("block %s is lost with blob %s: %s", cid, place.blob, problem.message)
        except CidMismatch:
            log.error("block %s is corrupt in blob %s", cid, place.blob)
            corrupt.append(place)
    if corrupt:
        return await _mended(blobs, cid, corrupt[0])
    raise NotFound(f"no block {cid} is pinned here")


async def _mended(blobs: BlobStore, cid: Cid, place: Slice) -> bytes:
    """The block after the store has looked at the whole blob; one that can refetches what is broken from a pin."""
    try:
        content = await blobs.get(place.blob)
    except NotFound as problem:
        raise CidMismatch(f"the bytes of {cid} are corrupt: {problem.message}") from problem
    data = content[place.offset : place.offset + place.size]
    cid.check(data)
    return data


def _listed(blocks: Iterable[PlacedBlock]) -> list[PlacedBlock]:
    return list(blocks)
