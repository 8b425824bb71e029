"""The durable rows of minting, as the one worker of a sender sees them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.minting import Attempt, ChainTransaction, Inclusion, MintJob, Sender
from storage import chain_transactions, sender_leases
from storage.chain_tables import ChainTransactionRecord, MintRecord
from storage.chain_transactions import move
from storage.columns import utc_now
from storage.database import transaction as transaction_on
from storage.mint_jobs import take_jobs
from storage.mint_rows import IN_FLIGHT, carried_by, in_hand, taken_by
from storage.sender_leases import leased
from storage.statements import changed

_Values = Mapping[str, object]
_FREE: _Values = {"state": "reserved", "sender": "", "nonce": None, "lease_owner": ""}
_LONGEST_REASON = 1000
"""Characters: a node's answer may be a whole page of HTML."""


class SqlMintOutbox:
    """Implements `gitex.ports.MintOutbox`. Whatever it changes, it changes in one transaction that locks the lease."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lease(self, sender: Sender, owner: str, length: timedelta) -> bool:
        """Take the sender's lease, or keep it; False if it is somebody else's."""
        return await sender_leases.lease(self._engine, sender, owner, length)

    async def release(self, sender: Sender, owner: str) -> None:
        """Give the lease up; no error if it is somebody else's."""
        await sender_leases.release(self._engine, sender, owner)

    async def take(self, sender: Sender, owner: str, contract: str, limit: int) -> Sequence[MintJob]:
        """The reserved mints of that contract that are due, and whose assets are published, the oldest first.

        What this worker has taken before and not let go is given to it again, so that an error of its own loses none.
        """
        async with leased(self._engine, sender, owner) as session:
            return [] if session is None else await take_jobs(session, sender, owner, contract, limit)

    async def in_flight(self, sender: Sender) -> Sequence[ChainTransaction]:
        """What is signed, broadcast or mined, by nonce. `mint_ids` are those that have not been let go."""
        async with transaction_on(self._engine) as session:
            return await chain_transactions.in_flight(session, sender)

    async def highest_nonce(self, sender: Sender) -> int | None:
        """The highest nonce that anything was ever signed with; None if nothing was."""
        highest = select(func.max(ChainTransactionRecord.nonce)).where(chain_transactions.of_sender(sender))
        async with transaction_on(self._engine) as session:
            return await session.scalar(highest)

    async def sign(self, owner: str, transaction: ChainTransaction) -> bool:
        """Keep a new transaction with its first attempt; its mints go from `reserved` to `signed`.

        False as well if one of its mints is no longer this worker's, or the nonce is taken: one without mints may take
        that of a transaction that is lost.
        """
        sender, nonce = transaction.sender, transaction.nonce
        async with leased(self._engine, sender, owner) as session:
            if session is None or not await _has_taken(session, sender, owner, transaction.mint_ids):
                return False
            if not await chain_transactions.add(session, transaction):
                return False
            await session.execute(
                update(MintRecord)
                .where(MintRecord.id.in_(transaction.mint_ids))
                .values(state="signed", reason="", nonce=nonce, lease_owner="", updated_at=utc_now())
            )
        return True

    async def replace(self, owner: str, sender: Sender, nonce: int, attempt: Attempt) -> bool:
        """Keep another attempt of a transaction, before it is sent. False as well if there is none that waits."""
        async with leased(self._engine, sender, owner) as session:
            return session is not None and await chain_transactions.add_attempt(session, sender, nonce, attempt)

    async def broadcast(self, owner: str, sender: Sender, nonce: int) -> bool:
        """A node has taken it: `signed` becomes `broadcast`; all else stays."""
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            if await move(session, sender, nonce, ("signed",), "broadcast"):
                await _write(session, carried_by(sender, nonce), {"state": "broadcast"})
        return True

    async def mined(self, owner: str, sender: Sender, nonce: int, inclusion: Inclusion) -> bool:
        """One of its attempts is in a block."""
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            if await move(session, sender, nonce, IN_FLIGHT, "mined", inclusion=inclusion):
                reason = "" if inclusion.succeeded else "its transaction was reverted, in a block that may not stay"
                await _write(session, carried_by(sender, nonce), {"state": "mined", "reason": reason})
        return True

    async def unmined(self, owner: str, sender: Sender, nonce: int) -> bool:
        """The block that had it is none of the chain's any more: back to `broadcast`."""
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            if await move(session, sender, nonce, ("mined",), "broadcast"):
                await _write(session, carried_by(sender, nonce), {"state": "broadcast", "reason": ""})
        return True

    async def final(self, owner: str, sender: Sender, nonce: int, inclusion: Inclusion) -> bool:
        """It is in a block that stays, and its mints are final.

        Raises `ValueError`, and changes nothing, for a reverted one whose mints have not been let go.
        """
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            if await move(session, sender, nonce, IN_FLIGHT, "final", inclusion=inclusion):
                carried = carried_by(sender, nonce)
                done = await _write(session, carried, {"state": "final", "reason": "", "finalized_at": utc_now()})
                if done and not inclusion.succeeded:
                    raise ValueError(
                        f"transaction {inclusion.transaction_hash} was reverted, and has {done} mints still"
                    )
        return True

    async def lost(self, owner: str, sender: Sender, nonce: int) -> bool:
        """Its nonce went to a transaction that is not ours; its mints are reserved again."""
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            if await move(session, sender, nonce, IN_FLIGHT, "lost"):
                reason = "another transaction of the sender took the nonce"
                await _write(session, carried_by(sender, nonce), {**_FREE, "reason": reason, "next_at": utc_now()})
        return True

    async def again(
        self, owner: str, sender: Sender, mint_ids: Sequence[str], *, reason: str, after: timedelta, alone: bool = False
    ) -> bool:
        """Let mints go: reserved again, not to be taken before `after` is over.

        Those that are not in this worker's hands stay as they are. One that is to be alone stays so.
        """
        values = {**_FREE, "reason": _plain(reason), "next_at": utc_now() + after}
        return await self._decide(owner, sender, mint_ids, {**values, "alone": True} if alone else values)

    async def fail(self, owner: str, sender: Sender, mint_ids: Sequence[str], reason: str) -> bool:
        """These mints will not be tried again by themselves. Those not in this worker's hands stay as they are."""
        values = {"state": "failed", "reason": _plain(reason), "lease_owner": ""}
        return await self._decide(owner, sender, mint_ids, values)

    async def minted_elsewhere(self, owner: str, sender: Sender, mint_id: str, inclusion: Inclusion) -> bool:
        """The token is there, as it was ordered, by a transaction that no row knows: the mint is final.

        One that is not in this worker's hands stays as it is.
        """
        place = {"elsewhere_hash": inclusion.transaction_hash, "elsewhere_block": inclusion.block_number}
        values = {"state": "final", "reason": "", "lease_owner": "", "finalized_at": utc_now()}
        return await self._decide(owner, sender, [mint_id], values | place)

    async def committed(self, sender: Sender, since: datetime) -> int:
        """Wei that the sender's transactions since then have cost, and, while they are not final, may cost at most."""
        async with transaction_on(self._engine) as session:
            return await chain_transactions.cost(session, sender, since)

    async def _decide(self, owner: str, sender: Sender, mint_ids: Sequence[str], values: _Values) -> bool:
        async with leased(self._engine, sender, owner) as session:
            if session is None:
                return False
            await _write(session, and_(MintRecord.id.in_(mint_ids), in_hand(sender, owner)), values)
        return True


async def _has_taken(session: AsyncSession, sender: Sender, owner: str, mint_ids: Sequence[str]) -> bool:
    """Whether all these mints are the worker's; they stay so until the end of the transaction."""
    rows = select(MintRecord.id).where(MintRecord.id.in_(mint_ids), taken_by(sender, owner))
    return len((await session.scalars(rows.with_for_update())).all()) == len(mint_ids)


async def _write(session: AsyncSession, mints: ColumnElement[bool], values: _Values) -> int:
    """Returns how many mints it has changed."""
    return changed(await session.execute(update(MintRecord).where(mints).values({**values, "updated_at": utc_now()})))


def _plain(reason: str) -> str:
    # It may come from a contract: the databases keep no half of a surrogate pair.
    return reason[:_LONGEST_REASON].encode("utf-8", "replace").decode()
