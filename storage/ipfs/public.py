"""What of the embedded node's content anybody may see: all of it, less what belongs to deleted or private assets."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import InstrumentedAttribute

from gitex.errors import AssetDeleted
from gitex.ports import BlobStore
from storage.database import transaction
from storage.ipfs.cid import Cid
from storage.ipfs.embedded import PLACES, Slice, read_block
from storage.tables import AssetRecord, BlockRecord, PinRecord


class _Found(NamedTuple):
    places: list[Slice]
    deleted: bool
    """Whether an asset of that CID was deleted, and none is left."""


class SqlPublicContent:
    """Implements `gitex.ports.PublicContent` on the embedded node's rows.

    A root belongs to the assets whose bytes or whose metadata document it is. It is shown if it belongs to none, or if
    one of them is kept and public: a deleted asset is hidden at once, before the last target has let it go.
    """

    def __init__(self, engine: AsyncEngine, blobs: BlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    async def block(self, cid: str) -> bytes:
        """One block, checked by its hash. Raises `NotFound`, `AssetDeleted`, `CidMismatch`."""
        wanted = Cid.parse(cid).v1()
        found = await self._find(str(wanted))
        if found.deleted:
            raise AssetDeleted(f"the asset that {cid} belonged to was deleted")
        return await read_block(self._blobs, wanted, found.places)

    async def media_type(self, cid: str) -> str:
        """Of the asset with these bytes that is kept and public; empty if there is none."""
        query = select(AssetRecord.media_type).where(AssetRecord.cid == str(Cid.parse(cid).v1()), *_SHOWN)
        async with transaction(self._engine) as session:
            return (await session.scalars(query.limit(1))).first() or ""

    async def _find(self, cid: str) -> _Found:
        async with transaction(self._engine) as session:
            places = [Slice(*row) for row in (await session.execute(_SHOWN_PLACES, {"cid": cid})).all()]
            if places:
                return _Found(places, deleted=False)
            assets = select(AssetRecord.state).where(_belongs_to(cid)).distinct()
            return _Found([], deleted=set(await session.scalars(assets)) == {"deleted"})


_SHOWN = (AssetRecord.state == "kept", AssetRecord.public)


def _shown_root() -> ColumnElement[bool]:
    owned = exists().where(_belongs_to(BlockRecord.root))
    shown = exists().where(_belongs_to(BlockRecord.root), *_SHOWN)
    return or_(~owned, shown)


def _belongs_to(root: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    of_metadata = select(PinRecord.asset_id).where(PinRecord.cid == root).correlate_except(PinRecord)
    return or_(AssetRecord.cid == root, AssetRecord.id.in_(of_metadata))


# Made once: a file is read block by block, and SQLAlchemy puts a query together more slowly than SQLite answers it.
_SHOWN_PLACES = PLACES.where(_shown_root())
