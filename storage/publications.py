"""The durable rows of publishing: what is to be pinned, who works on it, and what each target said."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.errors import AssetNotFound
from gitex.publishing import Pin, PinState, PinStatus, Publication, PublicationState
from storage.columns import utc_now
from storage.database import transaction
from storage.statements import insert_into
from storage.tables import AssetRecord, PinRecord, PublicationRecord

_ROOTS = (PublicationRecord.cid, PublicationRecord.metadata_cid)


class SqlPublications:
    """Rows of `publications` and `pins`. Every method raises `Unavailable` when the database fails.

    A worker claims a publication for the time of a lease, and everything that it writes about it asks for the lease
    again: one that was thought dead and comes back changes nothing.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def request(self, asset_id: str, cid: str) -> None:
        """Ask for an asset to be published; one that failed is tried again, all else stays as it is."""
        async with transaction(self._engine) as session:
            await session.execute(
                insert_into(session, PublicationRecord)
                .values(asset_id=asset_id, cid=cid)
                .on_conflict_do_nothing(index_elements=["asset_id"])
            )
            again = PublicationRecord.asset_id == asset_id, PublicationRecord.state == "failed"
            await session.execute(
                update(PublicationRecord).where(*again).values(state="queued", next_at=utc_now(), updated_at=utc_now())
            )

    async def get(self, asset_id: str) -> Publication:
        """Where that asset's publication stands. Raises `AssetNotFound` if nobody asked for one."""
        async with transaction(self._engine) as session:
            record = await session.get(PublicationRecord, asset_id)
        if record is None:
            raise AssetNotFound(f"asset {asset_id!r} is not published", param="id")
        return _publication(record)

    async def pins(self, asset_id: str) -> list[Pin]:
        """What each target last said of each root of that asset. Assets with equal bytes share the picture's pins."""
        rows = (
            select(PinRecord)
            .join(PublicationRecord, or_(*(PinRecord.cid == root for root in _ROOTS)))
            .where(PublicationRecord.asset_id == asset_id)
            .order_by(PinRecord.target, PinRecord.cid)
        )
        async with transaction(self._engine) as session:
            return [_pin(record) for record in (await session.scalars(rows)).all()]

    async def published(self, after: str = "", limit: int = 100) -> list[Publication]:
        """Publications that reached their targets, by asset id; none of an asset that is deleted."""
        rows = (
            select(PublicationRecord)
            .join(AssetRecord, AssetRecord.id == PublicationRecord.asset_id)
            .where(PublicationRecord.state == "published", AssetRecord.state == "kept")
            .where(PublicationRecord.asset_id > after)
            .order_by(PublicationRecord.asset_id)
            .limit(limit)
        )
        async with transaction(self._engine) as session:
            return [_publication(record) for record in (await session.scalars(rows)).all()]

    async def is_wanted(self, asset_id: str) -> bool:
        """Whether somebody asked for it to be published, and it is not deleted."""
        rows = (
            select(AssetRecord.id)
            .join(PublicationRecord, PublicationRecord.asset_id == AssetRecord.id)
            .where(AssetRecord.id == asset_id, AssetRecord.state == "kept")
        )
        async with transaction(self._engine) as session:
            return (await session.scalars(rows)).first() is not None

    async def claim(self, owner: str, lease: timedelta) -> Publication | None:
        """Take the publication that has been due the longest, of those that nobody works on; None if there is none.

        One whose asset has been deleted since it was last looked at is due at once.
        """
        now = utc_now()
        async with transaction(self._engine) as session:
            record = (await session.scalars(_due(session, now))).first()
            if record is None:
                return None
            taken = await session.execute(
                update(PublicationRecord)
                .where(PublicationRecord.asset_id == record.asset_id, _is_free(now))
                .values(lease_owner=owner, lease_until=now + lease, attempts=PublicationRecord.attempts + 1)
            )
            if not cast(Any, taken).rowcount:  # SQLite: somebody else was quicker
                return None
            await session.refresh(record)
            return _publication(record)

    async def extend(self, asset_id: str, owner: str, lease: timedelta) -> bool:
        """Keep a claimed publication for another while. False if it is somebody else's by now."""
        return await self._write(asset_id, owner, lease_until=utc_now() + lease)

    async def described(self, asset_id: str, owner: str, *, cid: str, metadata_cid: str, metadata_blob: str) -> bool:
        """The metadata document is written. False as in `extend`."""
        return await self._write(
            asset_id, owner, cid=cid, metadata_cid=metadata_cid, metadata_blob=metadata_blob, updated_at=utc_now()
        )

    async def settle(
        self, asset_id: str, owner: str, state: PublicationState, *, reason: str, again_in: timedelta
    ) -> bool:
        """Give a claimed publication back, to be looked at again after `again_in`. False as in `extend`."""
        now = utc_now()
        fields: dict[str, Any] = {"attempts": 0} if state in ("published", "withdrawn") else {}
        return await self._write(
            asset_id,
            owner,
            state=state,
            reason=reason,
            next_at=now + again_in,
            updated_at=now,
            lease_owner="",
            lease_until=None,
            **fields,
        )

    async def note(self, asset_id: str, owner: str, cid: str, target: str, status: PinStatus) -> bool:
        """Keep what a target said of a root. False as in `extend`."""
        now = utc_now()
        fields = {"state": status.state, "remote_id": status.remote_id, "reason": status.reason}
        async with self._owned(asset_id, owner) as session:
            if session is None:
                return False
            known = await session.get(PinRecord, (cid, target))
            changed = now if known is None or known.state != status.state else known.updated_at
            values = {**fields, "asset_id": asset_id, "checked_at": now, "updated_at": changed}
            await session.execute(
                insert_into(session, PinRecord)
                .values(cid=cid, target=target, **values)
                .on_conflict_do_update(index_elements=["cid", "target"], set_=values)
            )
        return True

    async def forget(self, asset_id: str, owner: str, cid: str, target: str) -> bool:
        """A target keeps a root no longer. False as in `extend`."""
        async with self._owned(asset_id, owner) as session:
            if session is None:
                return False
            await session.execute(delete(PinRecord).where(PinRecord.cid == cid, PinRecord.target == target))
        return True

    async def others_need(self, asset_id: str, cid: str) -> bool:
        """Whether an asset that is not deleted, other than this one, has the same bytes and is to be published."""
        rows = (
            select(AssetRecord.id)
            .join(PublicationRecord, PublicationRecord.asset_id == AssetRecord.id)
            .where(PublicationRecord.cid == cid, AssetRecord.id != asset_id, AssetRecord.state == "kept")
            .limit(1)
        )
        async with transaction(self._engine) as session:
            return (await session.scalars(rows)).first() is not None

    async def _write(self, asset_id: str, owner: str, **values: Any) -> bool:
        async with self._owned(asset_id, owner) as session:
            if session is None:
                return False
            await session.execute(
                update(PublicationRecord).where(PublicationRecord.asset_id == asset_id).values(**values)
            )
        return True

    @asynccontextmanager
    async def _owned(self, asset_id: str, owner: str) -> AsyncIterator[AsyncSession | None]:
        """A transaction in which the publication is `owner`'s; None if it is not."""
        async with transaction(self._engine) as session:
            # A write takes the row's lock on PostgreSQL, and the file's on SQLite, until the end of the transaction.
            held = await session.execute(
                update(PublicationRecord)
                .where(PublicationRecord.asset_id == asset_id, PublicationRecord.lease_owner == owner)
                .values(lease_owner=owner)
            )
            yield session if cast(Any, held).rowcount else None


def _due(session: AsyncSession, now: datetime) -> Select[PublicationRecord]:
    deleted = (AssetRecord.state == "deleted") & (PublicationRecord.state != "withdrawn")
    # A deleted asset whose targets do not answer waits for its turn like all others.
    at_once = deleted & (PublicationRecord.reason == "")
    rows = (
        select(PublicationRecord)
        .join(AssetRecord, AssetRecord.id == PublicationRecord.asset_id)
        .where(
            or_(PublicationRecord.next_at <= now, at_once),
            or_(PublicationRecord.state.in_(("queued", "pinning", "published")), deleted),
            _is_free(now),
        )
        .order_by(PublicationRecord.next_at)
        .limit(1)
    )
    if session.get_bind().dialect.name == "postgresql":
        rows = rows.with_for_update(skip_locked=True, of=PublicationRecord)
    return rows


def _is_free(now: datetime) -> Any:
    return or_(PublicationRecord.lease_until.is_(None), PublicationRecord.lease_until <= now)


def _publication(record: PublicationRecord) -> Publication:
    return Publication(
        asset_id=record.asset_id,
        cid=record.cid,
        metadata_cid=record.metadata_cid,
        state=cast(PublicationState, record.state),
        attempts=record.attempts,
        reason=record.reason,
        updated_at=record.updated_at,
    )


def _pin(record: PinRecord) -> Pin:
    status = PinStatus(cast(PinState, record.state), record.remote_id, record.reason)
    return Pin(record.cid, record.target, record.asset_id, status, record.updated_at, record.checked_at)


def pinned_at(pins: Sequence[Pin], roots: Sequence[str]) -> set[str]:
    """The targets that keep every one of these roots."""
    kept = {(pin.target, pin.cid) for pin in pins if pin.status.state == "pinned"}
    return {target for target, _ in kept if all((target, root) in kept for root in roots)}
