"""Pictures that the prompt cache is still to be told of: rows that are written together with their asset."""

from datetime import timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.columns import utc_now
from storage.database import transaction
from storage.tables import CacheWriteRecord


class CacheWrite(NamedTuple):
    """One entry to write."""

    id: str
    digest: str
    """Of the spec, in hex."""
    asset_id: str


class SqlCacheWrites:
    """Rows of `cache_writes`, the oldest first. Both methods raise `Unavailable` when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, limit: int, lease: timedelta) -> list[CacheWrite]:
        """Take up to `limit` rows that nobody else has taken within the lease."""
        now = utc_now()
        free = or_(CacheWriteRecord.lease_until.is_(None), CacheWriteRecord.lease_until <= now)
        oldest = (
            select(CacheWriteRecord).where(free).order_by(CacheWriteRecord.created_at, CacheWriteRecord.id).limit(limit)
        )
        async with transaction(self._engine) as session:
            if self._engine.dialect.name == "postgresql":
                oldest = oldest.with_for_update(skip_locked=True)
            rows = (await session.scalars(oldest)).all()
            taken = []
            for row in rows:
                result = await session.execute(
                    update(CacheWriteRecord)
                    .where(CacheWriteRecord.id == row.id, free)
                    .values(lease_until=now + lease, attempts=CacheWriteRecord.attempts + 1)
                )
                if cast(Any, result).rowcount:
                    taken.append(CacheWrite(row.id, row.digest, row.asset_id))
        return taken

    async def done(self, ids: list[str]) -> None:
        """The cache has been told."""
        async with transaction(self._engine) as session:
            await session.execute(delete(CacheWriteRecord).where(CacheWriteRecord.id.in_(ids)))
