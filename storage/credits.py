"""The ledger of credits in SQL: double entry, one booking for each deposit of a fee vault."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.credits import Deposit, DepositCursor, LedgerEntry
from gitex.errors import Conflict
from storage.chain_tables import BookingRecord, DepositCursorRecord, DepositRecord, EntryRecord
from storage.columns import utc_now
from storage.database import transaction
from storage.statements import insert_into

_START = DepositCursor(next_block=0, next_deposit=1)


class SqlCreditLedger:
    """Implements `gitex.ports.CreditLedger`.

    The other side of a deposit's booking is the account of its vault, `vault:{chain id}:{vault}`: it has what all who
    paid there have, with a minus. No payer's account is called so: theirs are 32 bytes as 0x….
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cursor(self, chain_id: int, vault: str) -> DepositCursor:
        """Where to go on; block 0 and deposit 1 for a vault that was never looked at."""
        async with transaction(self._engine) as session:
            record = await session.get(DepositCursorRecord, (chain_id, vault))
        return _START if record is None else DepositCursor(record.next_block, record.next_deposit)

    async def book(self, chain_id: int, vault: str, deposits: Sequence[Deposit], *, through_block: int) -> int:
        """Book deposits and move the cursor past `through_block`, in one transaction; returns how many were new.

        What is booked already is not booked again, so two indexers may run at once. Raises `Conflict`, and books
        nothing, if the deposits do not go on where the cursor stands, or differ from what was booked under their
        number. They come in the order of their numbers.
        """
        async with transaction(self._engine) as session:
            cursor = await _locked_cursor(session, chain_id, vault)
            _check_order(chain_id, vault, deposits, cursor)
            known = [each for each in deposits if each.deposit_id < cursor.next_deposit]
            new = [each for each in deposits if each.deposit_id >= cursor.next_deposit]
            await _check_known(session, chain_id, vault, known)
            if new:
                await _add(session, new)
            await session.execute(
                update(DepositCursorRecord)
                .where(DepositCursorRecord.chain_id == chain_id, DepositCursorRecord.vault == vault)
                .values(
                    next_block=max(cursor.next_block, through_block + 1), next_deposit=cursor.next_deposit + len(new)
                )
            )
        return len(new)

    async def balance(self, account: str) -> int:
        """The sum of the account's entries; 0 for one that nobody knows."""
        rows = select(EntryRecord.credits).where(EntryRecord.account == account)
        async with transaction(self._engine) as session:
            # Summed here: the databases' integers are too narrow for what a deposit may buy.
            return sum(map(int, await session.scalars(rows)))

    async def entries(self, account: str, limit: int = 100) -> Sequence[LedgerEntry]:
        """The account's newest entries first."""
        rows = (
            select(EntryRecord, BookingRecord)
            .join(BookingRecord, BookingRecord.id == EntryRecord.booking)
            .where(EntryRecord.account == account)
            .order_by(EntryRecord.id.desc())
            .limit(limit)
        )
        async with transaction(self._engine) as session:
            found = (await session.execute(rows)).all()
        return [
            LedgerEntry(entry.booking, entry.account, int(entry.credits), booking.booked_at, booking.transaction)
            for entry, booking in found
        ]


async def _locked_cursor(session: AsyncSession, chain_id: int, vault: str) -> DepositCursor:
    """Nobody else books deposits of the vault until the end of the transaction."""
    await session.execute(
        insert_into(session, DepositCursorRecord)
        .values(chain_id=chain_id, vault=vault, next_block=_START.next_block, next_deposit=_START.next_deposit)
        .on_conflict_do_nothing()
    )
    # On PostgreSQL a row that was there is not locked by that. On SQLite, which has no FOR UPDATE, the file is.
    rows = select(DepositCursorRecord.next_block, DepositCursorRecord.next_deposit).where(
        DepositCursorRecord.chain_id == chain_id, DepositCursorRecord.vault == vault
    )
    next_block, next_deposit = (await session.execute(rows.with_for_update())).one()
    return DepositCursor(next_block, next_deposit)


def _check_order(chain_id: int, vault: str, deposits: Sequence[Deposit], cursor: DepositCursor) -> None:
    if any((each.chain_id, each.vault) != (chain_id, vault) for each in deposits):
        raise Conflict(f"the deposits are not all of vault {vault} on chain {chain_id}", param="deposits")
    first = deposits[0].deposit_id if deposits else cursor.next_deposit
    if not 1 <= first <= cursor.next_deposit:
        raise Conflict(f"deposit {first} does not follow on {cursor.next_deposit - 1}", param="deposits")
    if [each.deposit_id for each in deposits] != list(range(first, first + len(deposits))):
        raise Conflict(f"the deposits from {first} on have gaps, or are out of order", param="deposits")


async def _check_known(session: AsyncSession, chain_id: int, vault: str, deposits: Sequence[Deposit]) -> None:
    if not deposits:
        return
    record = DepositRecord
    rows = await session.scalars(
        select(record)
        .where(
            record.chain_id == chain_id,
            record.vault == vault,
            record.deposit_id.between(deposits[0].deposit_id, deposits[-1].deposit_id),
        )
        .order_by(record.deposit_id)
    )
    for booked, deposit in zip(map(_deposit, rows), deposits, strict=True):
        if booked != deposit:
            raise Conflict(f"deposit {deposit.deposit_id} is not what was booked under its number", param="deposits")


async def _add(session: AsyncSession, deposits: Sequence[Deposit]) -> None:
    now = utc_now()
    await session.execute(insert(DepositRecord), [_row(each) for each in deposits])
    bookings = [{"id": _booking(each), "transaction": each.transaction, "booked_at": now} for each in deposits]
    await session.execute(insert(BookingRecord), bookings)
    entries = [entry for each in deposits for entry in _entries(each)]
    await session.execute(insert(EntryRecord), entries)


def _booking(deposit: Deposit) -> str:
    return f"deposit:{deposit.chain_id}:{deposit.vault}:{deposit.deposit_id}"


def _entries(deposit: Deposit) -> list[dict[str, str]]:
    sides = (
        (deposit.account, deposit.credits),
        (f"vault:{deposit.chain_id}:{deposit.vault}", -deposit.credits),
    )
    return [{"booking": _booking(deposit), "account": account, "credits": str(credit)} for account, credit in sides]


def _row(deposit: Deposit) -> dict[str, object]:
    return {**vars(deposit), "amount": str(deposit.amount), "credits": str(deposit.credits)}


def _deposit(record: DepositRecord) -> Deposit:
    return Deposit(
        chain_id=record.chain_id,
        vault=record.vault,
        deposit_id=record.deposit_id,
        account=record.account,
        payer=record.payer,
        asset=record.asset,
        amount=int(record.amount),
        credits=int(record.credits),
        discount_bps=record.discount_bps,
        block_number=record.block_number,
        transaction=record.transaction,
    )
