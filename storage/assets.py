"""Durable assets: a row in SQL, the bytes in the blob store."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.assets import Asset
from gitex.errors import AssetNotFound, InvalidInput, Unavailable
from storage.blobs import LocalBlobStore
from storage.database import open_database, reason
from storage.tables import AssetRecord


class SqlAssetStore:
    """Implements `gitex.ports.AssetStore`. Every method raises `Unavailable` when the database or the disk fails."""

    def __init__(self, engine: AsyncEngine, blobs: LocalBlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    @classmethod
    async def open(cls, url: str, blobs: LocalBlobStore) -> "SqlAssetStore":
        """Open the database at `url`, creating what is missing. Raises `SettingsError` and `Unavailable`."""
        return cls(await open_database(url), blobs)

    async def save(self, asset: Asset, content: bytes) -> None:
        """Keep `asset` and its bytes; saving the very same asset again changes nothing.

        Raises `InvalidInput` if `content` is not what `asset` describes, or if its id names another asset.
        """
        if await self._blobs.put(content) != asset.sha256 or len(content) != asset.size:
            raise InvalidInput(f"the bytes of asset {asset.id} are not the ones that it describes", param="content")
        try:
            # The blob is durable by now, so no row ever points to nothing.
            await self._insert(asset)
        except IntegrityError as problem:
            if await self.get(asset.id) != asset:
                raise InvalidInput(f"asset id {asset.id} is taken", param="id") from problem
        except SQLAlchemyError as problem:
            raise Unavailable(f"the database does not take asset {asset.id}: {reason(problem)}") from problem

    async def get(self, asset_id: str) -> Asset:
        """The asset of that id. Raises `AssetNotFound`."""
        try:
            async with AsyncSession(self._engine) as session:
                record = await session.get(AssetRecord, asset_id)
        except SQLAlchemyError as problem:
            raise Unavailable(f"the database does not answer: {reason(problem)}") from problem
        if record is None:
            raise AssetNotFound(f"there is no asset {asset_id!r}", param="id")
        return record.asset()

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
        try:
            async with AsyncSession(self._engine) as session:
                await session.execute(select(AssetRecord.id).limit(1))
        except SQLAlchemyError as problem:
            raise Unavailable(f"the database does not answer: {reason(problem)}") from problem

    async def close(self) -> None:
        """Close the database."""
        await self._engine.dispose()

    async def _insert(self, asset: Asset) -> None:
        async with AsyncSession(self._engine) as session:
            session.add(AssetRecord.of(asset))
            await session.commit()
