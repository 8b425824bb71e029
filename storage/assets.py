"""Durable assets: a row in SQL, the bytes in the blob store."""

from datetime import UTC, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.assets import Asset, AssetPage, AssetQuery
from gitex.errors import AssetDeleted, AssetNotFound, InvalidInput
from gitex.ports import BlobStore
from storage import asset_queries
from storage.database import open_database, transaction
from storage.tables import AssetRecord, CacheWriteRecord, PublicationRecord


class SqlAssetStore:
    """Implements `gitex.ports.AssetStore`. Every method raises `Unavailable` when the database or the disk fails."""

    def __init__(self, engine: AsyncEngine, blobs: BlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    @classmethod
    async def open(cls, url: str, blobs: BlobStore) -> "SqlAssetStore":
        """Open the database at `url`, creating what is missing. Raises `SettingsError` and `Unavailable`."""
        return cls(await open_database(url), blobs)

    @property
    def engine(self) -> AsyncEngine:
        """The database, for the other stores in it."""
        return self._engine

    async def save(self, asset: Asset, content: bytes, *, cache: bool = False, publish: bool = False) -> None:
        """Keep `asset` and its bytes; saving the very same asset again changes nothing.

        With `cache` and `publish`, the rows that tell the prompt cache and IPFS of it are written in the same
        transaction. Raises `InvalidInput` if `content` is not what `asset` describes, or if its id names another asset.
        """
        if await self._blobs.put(content) != asset.sha256 or len(content) != asset.size:
            raise InvalidInput(f"the bytes of asset {asset.id} are not the ones that it describes", param="content")
        try:
            # The blob is durable by now, so no row ever points to nothing.
            await self._insert(asset, cache=cache, publish=publish)
        except IntegrityError as problem:
            if await self._row(asset.id) != asset:
                raise InvalidInput(f"asset id {asset.id} is taken", param="id") from problem

    async def get(self, asset_id: str, viewer: str | None = None) -> Asset:
        """The asset of that id that `viewer` may see (None: all). Raises `AssetNotFound`, `AssetDeleted`."""
        asset = await self._row(asset_id, viewer)
        if asset is None:
            raise AssetNotFound(f"there is no asset {asset_id!r}", param="id")
        if asset.state == "deleted":
            raise AssetDeleted(f"asset {asset_id!r} was deleted at {asset.deleted_at:%Y-%m-%d %H:%M} UTC", param="id")
        return asset

    async def list(self, query: AssetQuery) -> AssetPage:
        """A page of what is kept, newest first. Raises `InvalidInput` for a limit or cursor that cannot be used."""
        rows = asset_queries.page(query)
        async with transaction(self._engine) as session:
            records = (await session.scalars(rows)).all()
        shown = records[: query.limit]
        more = asset_queries.cursor(shown[-1]) if len(records) > len(shown) else ""
        return AssetPage(tuple(record.asset() for record in shown), more)

    async def find(self, sha256: str, viewer: str | None) -> Asset | None:
        """The newest asset with these very bytes that is kept and that `viewer` may see."""
        wanted = select(AssetRecord).where(
            AssetRecord.sha256 == sha256, AssetRecord.state == "kept", asset_queries.visible_to(viewer)
        )
        async with transaction(self._engine) as session:
            record = await session.scalar(asset_queries.newest_first(wanted).limit(1))
        return None if record is None else record.asset()

    async def delete(self, asset_id: str, viewer: str | None) -> None:
        """Leave a tombstone in place of an asset of `viewer`'s own (None owns all).

        Its bytes are removed by `storage.gc`, its pins by who works on its publication. Raises `AssetNotFound`
        for an asset that is not the viewer's, `AssetDeleted`.
        """
        own = (AssetRecord.id == asset_id, AssetRecord.state == "kept", asset_queries.owned_by(viewer))
        tombstone = update(AssetRecord).where(*own).values(state="deleted", deleted_at=datetime.now(UTC))
        async with transaction(self._engine) as session:
            deleted = await session.scalar(tombstone.returning(AssetRecord.id))
            await session.execute(delete(CacheWriteRecord).where(CacheWriteRecord.asset_id == deleted))
        if deleted is None:
            await self.get(asset_id, viewer)
            raise AssetNotFound(f"asset {asset_id!r} is not yours to delete", param="id")

    async def set_cid(self, asset_id: str, cid: str) -> None:
        """Record the CID of an asset that has none yet; one that has keeps it."""
        async with transaction(self._engine) as session:
            await session.execute(
                update(AssetRecord).where(AssetRecord.id == asset_id, AssetRecord.cid == "").values(cid=cid)
            )

    async def content(self, asset: Asset) -> bytes:
        """The asset's bytes, checked against its SHA-256. Raises `AssetNotFound` if they are gone or corrupt."""
        return await self._blobs.get(asset.sha256)

    async def keep(self, content: bytes) -> str:
        """Keep the bytes of a picture that a spec will name; returns their SHA-256. Idempotent."""
        return await self._blobs.put(content)

    async def kept(self, sha256: str) -> bytes:
        """Kept bytes, checked against their SHA-256. Raises `AssetNotFound` if they are gone or corrupt."""
        return await self._blobs.get(sha256)

    async def check(self) -> None:
        """Return if the database answers. Raises `Unavailable`."""
        async with transaction(self._engine) as session:
            await session.execute(select(AssetRecord.id).limit(1))

    async def close(self) -> None:
        """Close the database."""
        await self._engine.dispose()

    async def _row(self, asset_id: str, viewer: str | None = None) -> Asset | None:
        wanted = select(AssetRecord).where(AssetRecord.id == asset_id, asset_queries.visible_to(viewer))
        async with transaction(self._engine) as session:
            record = await session.scalar(wanted)
        return None if record is None else record.asset()

    async def _insert(self, asset: Asset, *, cache: bool, publish: bool) -> None:
        async with transaction(self._engine) as session:
            session.add(AssetRecord.of(asset))
            if cache:
                session.add(CacheWriteRecord(digest=asset.spec.digest(), asset_id=asset.id))
            if publish:
                session.add(PublicationRecord(asset_id=asset.id, cid=asset.cid))
