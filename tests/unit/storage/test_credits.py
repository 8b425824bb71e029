"""The ledger of credits: every deposit is booked once, in order, and every booking's sum is zero."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.credits import Deposit, DepositCursor
from gitex.errors import Conflict
from gitex.ports import CreditLedger
from storage.chain_tables import BookingRecord, DepositRecord, EntryRecord
from storage.credits import SqlCreditLedger
from storage.database import open_database, transaction

CHAIN_ID = 31337
VAULT = "0x" + "Fe" * 20
ALICE, BOB = "0x" + "a1" * 32, "0x" + "b0" * 32


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(database_url)
    yield engine
    await engine.dispose()


def _deposit(number: int, account: str = ALICE, credit: int = 10, vault: str = VAULT) -> Deposit:
    return Deposit(
        chain_id=CHAIN_ID,
        vault=vault,
        deposit_id=number,
        account=account,
        payer="0x" + "Aa" * 20,
        asset="0x" + "00" * 20,
        amount=2**256 - number,
        credits=credit,
        discount_bps=500,
        block_number=100 + number,
        transaction=f"0x{number:064x}",
    )


async def _sums(engine: AsyncEngine) -> Counter[str]:
    """Of each booking's entries."""
    sums: Counter[str] = Counter()
    async with transaction(engine) as session:
        for entry in await session.scalars(select(EntryRecord)):
            sums[entry.booking] += int(entry.credits)
    return sums


async def test_deposits_are_booked_in_both_accounts_and_the_cursor_goes_on(engine: AsyncEngine) -> None:
    ledger: CreditLedger = SqlCreditLedger(engine)
    assert await ledger.cursor(CHAIN_ID, VAULT) == DepositCursor(0, 1)
    assert await ledger.balance(ALICE) == 0
    deposits = [_deposit(1, ALICE, 10), _deposit(2, BOB, 5), _deposit(3, ALICE, 7)]
    before = datetime.now(UTC)
    assert await ledger.book(CHAIN_ID, VAULT, deposits, through_block=200) == 3
    assert await ledger.cursor(CHAIN_ID, VAULT) == DepositCursor(201, 4)
    assert await ledger.cursor(CHAIN_ID, "0x" + "11" * 20) == DepositCursor(0, 1)
    assert (await ledger.balance(ALICE), await ledger.balance(BOB)) == (17, 5)
    assert await ledger.balance(f"vault:{CHAIN_ID}:{VAULT}") == -22
    newest, oldest = await ledger.entries(ALICE)
    assert (newest.booking, newest.account) == (f"deposit:{CHAIN_ID}:{VAULT}:3", ALICE)
    assert (newest.credits, newest.transaction, oldest.credits) == (7, f"0x{3:064x}", 10)
    assert before <= newest.booked_at <= datetime.now(UTC)
    assert await ledger.entries(ALICE, 1) == [newest]
    assert await _sums(engine) == {f"deposit:{CHAIN_ID}:{VAULT}:{n}": 0 for n in (1, 2, 3)}


async def test_entries_are_in_the_order_of_the_deposits_also_past_nine(engine: AsyncEngine) -> None:
    ledger = SqlCreditLedger(engine)
    await ledger.book(CHAIN_ID, VAULT, [_deposit(n, credit=n) for n in range(1, 13)], through_block=1)
    assert [entry.credits for entry in await ledger.entries(ALICE)] == list(range(12, 0, -1))


async def test_what_is_booked_already_is_not_booked_again(engine: AsyncEngine) -> None:
    ledger = SqlCreditLedger(engine)
    deposits = [_deposit(number) for number in range(1, 6)]
    assert await ledger.book(CHAIN_ID, VAULT, deposits[:3], through_block=200) == 3
    assert await ledger.book(CHAIN_ID, VAULT, deposits[:2], through_block=150) == 0
    assert await ledger.cursor(CHAIN_ID, VAULT) == DepositCursor(201, 4)
    assert await ledger.book(CHAIN_ID, VAULT, deposits[1:], through_block=300) == 2
    assert await ledger.book(CHAIN_ID, VAULT, [], through_block=400) == 0
    assert await ledger.cursor(CHAIN_ID, VAULT) == DepositCursor(401, 6)
    assert await ledger.balance(ALICE) == 50


async def test_amounts_of_256_bits_are_exact(engine: AsyncEngine) -> None:
    ledger = SqlCreditLedger(engine)
    most = 2**256 - 1
    await ledger.book(CHAIN_ID, VAULT, [_deposit(1, credit=most), _deposit(2, credit=most)], through_block=1)
    assert await ledger.balance(ALICE) == 2 * most
    assert await ledger.balance(f"vault:{CHAIN_ID}:{VAULT}") == -2 * most


@pytest.mark.parametrize(
    "deposits",
    [
        [_deposit(3)],
        [_deposit(2), _deposit(4)],
        [_deposit(2), _deposit(2)],
        [_deposit(3), _deposit(2)],
        [_deposit(0), _deposit(1), _deposit(2)],
        [_deposit(2, vault="0x" + "22" * 20)],
        [replace(_deposit(2), chain_id=1)],
        [replace(_deposit(1), credits=11), _deposit(2)],
        [replace(_deposit(1), account=BOB), _deposit(2)],
        [replace(_deposit(1), amount=1)],
        [replace(_deposit(1), block_number=1)],
        [replace(_deposit(1), transaction="0x" + "77" * 32)],
    ],
)
async def test_deposits_that_do_not_go_on_or_differ_change_nothing(
    engine: AsyncEngine, deposits: list[Deposit]
) -> None:
    ledger = SqlCreditLedger(engine)
    await ledger.book(CHAIN_ID, VAULT, [_deposit(1)], through_block=110)
    with pytest.raises(Conflict):
        await ledger.book(CHAIN_ID, VAULT, deposits, through_block=900)
    assert await ledger.cursor(CHAIN_ID, VAULT) == DepositCursor(111, 2)
    assert await _sums(engine) == {f"deposit:{CHAIN_ID}:{VAULT}:1": 0}
    assert await ledger.balance(ALICE) == 10


async def test_vaults_have_numbers_of_their_own(engine: AsyncEngine) -> None:
    ledger, other = SqlCreditLedger(engine), "0x" + "33" * 20
    await ledger.book(CHAIN_ID, VAULT, [_deposit(1)], through_block=1)
    await ledger.book(CHAIN_ID, other, [_deposit(1, vault=other, credit=3)], through_block=1)
    elsewhere = replace(_deposit(1, credit=4), chain_id=1)
    await ledger.book(1, VAULT, [elsewhere], through_block=1)
    assert await ledger.balance(ALICE) == 17


async def test_indexers_that_run_at_once_book_each_deposit_once(database_url: str) -> None:
    engines = [await open_database(database_url) for _ in range(4)]
    deposits = [_deposit(number) for number in range(1, 41)]

    async def index(ledger: SqlCreditLedger, step: int) -> int:
        """From the cursor on, so many at a time: the others move it meanwhile."""
        new = 0
        while (cursor := await ledger.cursor(CHAIN_ID, VAULT)).next_deposit <= len(deposits):
            batch = deposits[cursor.next_deposit - 1 :][:step]
            new += await ledger.book(CHAIN_ID, VAULT, batch, through_block=batch[-1].block_number)
        return new

    try:
        booked = await asyncio.gather(*(index(SqlCreditLedger(each), 3 + n) for n, each in enumerate(engines)))
        assert sum(booked) == len(deposits)
        assert await SqlCreditLedger(engines[0]).balance(ALICE) == 400
        assert await SqlCreditLedger(engines[0]).cursor(CHAIN_ID, VAULT) == DepositCursor(141, 41)
        assert set((await _sums(engines[0])).values()) == {0}
    finally:
        for engine in engines:
            await engine.dispose()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    bought=st.lists(st.tuples(st.sampled_from([ALICE, BOB]), st.integers(1, 2**256 - 1)), min_size=1, max_size=12),
    calls=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 12), st.booleans()), max_size=10),
)
def test_whatever_is_booked_the_sum_is_zero(bought: list[tuple[str, int]], calls: list[tuple[int, int, bool]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(_book_all(f"sqlite+aiosqlite:///{folder}/gitex.db", bought, calls))


async def _book_all(url: str, bought: list[tuple[str, int]], calls: list[tuple[int, int, bool]]) -> None:
    """Each call brings the deposits from one on to another, the first of them perhaps changed."""
    deposits = [_deposit(number, *each) for number, each in enumerate(bought, start=1)]
    engine, done = await open_database(url), 0
    try:
        for first, last, changed in calls:
            batch = deposits[first:last]
            if changed and first < done:
                batch = [replace(each, discount_bps=1) for each in batch[:1]] + batch[1:]
            known = all(each in deposits for each in batch)
            done += await _book(SqlCreditLedger(engine), batch, done, goes_on=known and first <= done)
            await _check_balances(engine, bought[:done])
        async with transaction(engine) as session:
            for record in (DepositRecord, BookingRecord):
                assert len((await session.scalars(select(record))).all()) == done
    finally:
        await engine.dispose()


async def _book(ledger: SqlCreditLedger, batch: list[Deposit], done: int, *, goes_on: bool) -> int:
    if batch and not goes_on:
        with pytest.raises(Conflict):
            await ledger.book(CHAIN_ID, VAULT, batch, through_block=1)
        return 0
    new = await ledger.book(CHAIN_ID, VAULT, batch, through_block=1)
    assert new == sum(each.deposit_id > done for each in batch)
    return new


async def _check_balances(engine: AsyncEngine, bought: list[tuple[str, int]]) -> None:
    ledger, balances = SqlCreditLedger(engine), Counter[str]()
    for account, credit in bought:
        balances[account] += credit
    for account in (ALICE, BOB):
        assert await ledger.balance(account) == balances[account]
    assert await ledger.balance(f"vault:{CHAIN_ID}:{VAULT}") == -balances.total()
    assert set((await _sums(engine)).values()) <= {0}
