"""Who may sign for a sender: one worker at a time in the whole cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.minting import Sender
from storage.chain_tables import ChainSenderRecord
from storage.columns import utc_now
from storage.database import transaction
from storage.statements import changed, insert_into


async def lease(engine: AsyncEngine, sender: Sender, owner: str, length: timedelta) -> bool:
    """Take the sender's lease, or keep it; False if it is somebody else's."""
    now = utc_now()
    values = {"lease_owner": owner, "lease_until": now + length}
    record = ChainSenderRecord
    free = or_(record.lease_owner == owner, record.lease_until.is_(None), record.lease_until <= now)
    async with transaction(engine) as session:
        taken = await session.execute(
            insert_into(session, record)
            .values(chain_id=sender.chain_id, address=sender.address, **values)
            .on_conflict_do_update(index_elements=["chain_id", "address"], set_=values, where=free)
        )
        return changed(taken) > 0


async def release(engine: AsyncEngine, sender: Sender, owner: str) -> None:
    """Give the lease up; no error if it is somebody else's."""
    async with transaction(engine) as session:
        await session.execute(
            update(ChainSenderRecord)
            .where(_of(sender), ChainSenderRecord.lease_owner == owner)
            .values(lease_owner="", lease_until=None)
        )


@asynccontextmanager
async def leased(engine: AsyncEngine, sender: Sender, owner: str) -> AsyncIterator[AsyncSession | None]:
    """A transaction in which the sender's lease is `owner`'s; None if it is not."""
    async with transaction(engine) as session:
        # A write takes the row's lock on PostgreSQL, and the file's on SQLite, until the end of the transaction.
        held = await session.execute(
            update(ChainSenderRecord)
            .where(_of(sender), ChainSenderRecord.lease_owner == owner, ChainSenderRecord.lease_until > utc_now())
            .values(lease_owner=owner)
        )
        yield session if changed(held) else None


def _of(sender: Sender) -> ColumnElement[bool]:
    return and_(ChainSenderRecord.chain_id == sender.chain_id, ChainSenderRecord.address == sender.address)
