"""Rows of transactions: what each nonce of a sender was used for, with every attempt."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, and_, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from gitex.minting import Attempt, ChainTransaction, Inclusion, Sender, TransactionState
from storage.chain_tables import AttemptRecord, ChainTransactionRecord, MintRecord, TransactionMintRecord
from storage.columns import utc_now
from storage.mint_rows import IN_FLIGHT
from storage.statements import changed, insert_into

_IN_NO_BLOCK: tuple[TransactionState, ...] = ("signed", "broadcast")


def of_sender(sender: Sender) -> ColumnElement[bool]:
    """The sender's transactions."""
    record = ChainTransactionRecord
    return and_(record.chain_id == sender.chain_id, record.sender == sender.address)


async def add(session: AsyncSession, transaction: ChainTransaction) -> bool:
    """Keep a new transaction; False if its nonce is taken.

    One that carries no mints may take the nonce of one that is lost: that one's attempts stay known.
    """
    sender, nonce = transaction.sender, transaction.nonce
    key = {"chain_id": sender.chain_id, "sender": sender.address, "nonce": nonce}
    values: dict[str, object] = {
        "target": transaction.to,
        "data": transaction.data,
        "gas": transaction.gas,
        "state": "signed",
        "created_at": transaction.attempts[0].created_at,
        "updated_at": utc_now(),
    }
    new = insert_into(session, ChainTransactionRecord).values(**key, **values)
    if not transaction.mint_ids:
        lost = ChainTransactionRecord.state == "lost"
        new = new.on_conflict_do_update(index_elements=[*key], set_=values, where=lost)
    else:
        new = new.on_conflict_do_nothing()
    if not changed(await session.execute(new)):
        return False
    for attempt in transaction.attempts:
        await add_attempt(session, sender, nonce, attempt)
    members = [{**key, "position": place, "mint_id": each} for place, each in enumerate(transaction.mint_ids)]
    if members:
        await session.execute(insert(TransactionMintRecord), members)
    return True


async def add_attempt(session: AsyncSession, sender: Sender, nonce: int, attempt: Attempt) -> bool:
    """Keep another attempt; False if there is no such transaction, or it is in a block, or over."""
    waits = select(ChainTransactionRecord.nonce).where(
        of_sender(sender), ChainTransactionRecord.nonce == nonce, ChainTransactionRecord.state.in_(_IN_NO_BLOCK)
    )
    if await session.scalar(waits) is None:
        return False
    made = await session.scalar(select(func.count()).where(_attempts_of(sender), AttemptRecord.nonce == nonce))
    row = _attempt_row(sender, nonce, made or 0, attempt)
    await session.execute(insert_into(session, AttemptRecord).values(row).on_conflict_do_nothing())
    return True


async def move(
    session: AsyncSession,
    sender: Sender,
    nonce: int,
    states: Sequence[TransactionState],
    to: TransactionState,
    *,
    inclusion: Inclusion | None = None,
) -> bool:
    """Bring a transaction that is in one of these states into another one; False if it is in none of them."""
    place: dict[str, str | int | None] = {"mined_hash": "", "block_number": None, "block_hash": "", "fee": None}
    if inclusion is not None:
        place = {
            "mined_hash": inclusion.transaction_hash,
            "block_number": inclusion.block_number,
            "block_hash": inclusion.block_hash,
            "fee": str(inclusion.fee),
        }
    moved = await session.execute(
        update(ChainTransactionRecord)
        .where(of_sender(sender), ChainTransactionRecord.nonce == nonce, ChainTransactionRecord.state.in_(states))
        .values(state=to, updated_at=utc_now(), **place)
    )
    return changed(moved) > 0


async def cost(session: AsyncSession, sender: Sender, since: datetime) -> int:
    """Wei: what is final has cost its fee, what is in flight may cost all its gas at its newest attempt's price.

    Whatever is in flight counts, for however long it has been: it would cost that after `since`.
    """
    record, attempt = ChainTransactionRecord, AttemptRecord
    final = and_(of_sender(sender), record.state == "final", record.created_at >= since)
    spent = (await session.scalars(select(record.fee).where(final))).all()
    its_own = tuple_(attempt.chain_id, attempt.sender, attempt.nonce) == tuple_(
        record.chain_id, record.sender, record.nonce
    )
    rows = await session.execute(
        select(record.nonce, record.gas, attempt.max_fee)
        .join(attempt, its_own)
        .where(of_sender(sender), record.state.in_(IN_FLIGHT))
        .order_by(attempt.number)
    )
    # The newest comes last, and stays.
    at_most = {nonce: gas * int(max_fee) for nonce, gas, max_fee in rows}
    return sum(int(fee or 0) for fee in spent) + sum(at_most.values())


async def in_flight(session: AsyncSession, sender: Sender) -> list[ChainTransaction]:
    """What is signed, broadcast or mined, by nonce, each with the mints that it still carries."""
    record = ChainTransactionRecord
    found = await session.scalars(select(record).where(of_sender(sender), record.state.in_(IN_FLIGHT)))
    # Not in SQL: SQLite would walk through all nonces rather than sort these few.
    records = sorted(found, key=lambda each: each.nonce)
    nonces = [each.nonce for each in records]
    attempts = await _attempts(session, sender, nonces)
    carried = await _carried(session, sender, nonces)
    return [_transaction(each, attempts[each.nonce], carried[each.nonce]) for each in records]


async def _attempts(session: AsyncSession, sender: Sender, nonces: Sequence[int]) -> dict[int, list[Attempt]]:
    rows = await session.scalars(
        select(AttemptRecord)
        .where(_attempts_of(sender), AttemptRecord.nonce.in_(nonces))
        .order_by(AttemptRecord.nonce, AttemptRecord.number)
    )
    found = defaultdict[int, list[Attempt]](list)
    for row in rows:
        attempt = Attempt(row.hash, row.raw, int(row.max_fee), int(row.priority_fee), row.created_at)
        found[row.nonce].append(attempt)
    return found


async def _carried(session: AsyncSession, sender: Sender, nonces: Sequence[int]) -> dict[int, list[str]]:
    member = TransactionMintRecord
    still = and_(
        MintRecord.id == member.mint_id,
        MintRecord.chain_id == member.chain_id,
        MintRecord.sender == member.sender,
        MintRecord.nonce == member.nonce,
        MintRecord.state.in_(IN_FLIGHT),
    )
    rows = await session.execute(
        select(member.nonce, member.mint_id)
        .join(MintRecord, still)
        .where(member.chain_id == sender.chain_id, member.sender == sender.address, member.nonce.in_(nonces))
        .order_by(member.nonce, member.position)
    )
    found = defaultdict[int, list[str]](list)
    for nonce, mint_id in rows:
        found[nonce].append(mint_id)
    return found


def _transaction(
    record: ChainTransactionRecord, attempts: Sequence[Attempt], mint_ids: Sequence[str]
) -> ChainTransaction:
    return ChainTransaction(
        sender=Sender(record.chain_id, record.sender),
        nonce=record.nonce,
        to=record.target,
        data=record.data,
        gas=record.gas,
        state=cast(TransactionState, record.state),
        attempts=tuple(attempts),
        mint_ids=tuple(mint_ids),
        mined_hash=record.mined_hash,
        block_number=record.block_number,
        block_hash=record.block_hash,
    )


def _attempts_of(sender: Sender) -> ColumnElement[bool]:
    return and_(AttemptRecord.chain_id == sender.chain_id, AttemptRecord.sender == sender.address)


def _attempt_row(sender: Sender, nonce: int, number: int, attempt: Attempt) -> dict[str, object]:
    return {
        "hash": attempt.hash,
        "chain_id": sender.chain_id,
        "sender": sender.address,
        "nonce": nonce,
        "number": number,
        "raw": attempt.raw,
        "max_fee": str(attempt.max_fee),
        "priority_fee": str(attempt.priority_fee),
        "created_at": attempt.created_at,
    }
