"""A blob that is lost or corrupt, fetched back from wherever it is pinned."""

import hashlib
import logging
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.errors import GitexError
from gitex.ports import PinTarget
from storage.database import transaction
from storage.ipfs.cid import Cid
from storage.ipfs.reader import read_file
from storage.tables import AssetRecord, PublicationRecord

log = logging.getLogger("gitex.blobs")


class Refetch:
    """Looks a blob's root up and reads the file from the targets, in their order, until one has the very same bytes."""

    def __init__(self, engine: AsyncEngine, targets: Sequence[PinTarget]) -> None:
        """`targets`: not the embedded node, whose blocks lie in the blob itself."""
        self._engine = engine
        self._targets = targets

    async def __call__(self, sha256: str) -> bytes | None:
        """The bytes; None if they are not pinned, or if no target gives them."""
        root = await self._root_of(sha256)
        if root is None:
            return None
        for target in self._targets:
            try:
                content = await _file_of(target, root)
            except GitexError as problem:
                log.warning("blob %s was not fetched from %s: %s", sha256, target.name, problem.message)
                continue
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
        return None

    async def _root_of(self, sha256: str) -> Cid | None:
        rows = (
            select(PublicationRecord.cid, PublicationRecord.metadata_cid, PublicationRecord.metadata_blob)
            .join(AssetRecord, AssetRecord.id == PublicationRecord.asset_id)
            .where(or_(AssetRecord.sha256 == sha256, PublicationRecord.metadata_blob == sha256))
            .limit(1)
        )
        async with transaction(self._engine) as session:
            row = (await session.execute(rows)).first()
        if row is None:
            return None
        root: str = row.metadata_cid if row.metadata_blob == sha256 else row.cid
        return Cid.parse(root) if root else None


async def _file_of(target: PinTarget, root: Cid) -> bytes:
    async def get_block(cid: Cid) -> bytes:
        return await target.block(str(cid))

    return b"".join([part async for part in read_file(get_block, root)])
