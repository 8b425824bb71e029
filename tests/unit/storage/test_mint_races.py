"""Workers that work at the same moment, each on connections of its own: nothing is done twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from gitex.minting import Sender
from storage.chain_tables import MintRecord
from storage.database import transaction
from storage.mint_outbox import SqlMintOutbox
from tests.fakes.mint_outbox import (
    CHAIN_ID,
    CONTRACT,
    OTHER_SENDER,
    SENDER,
    MintRows,
    attempt_of,
    inclusion_of,
    open_rows,
    transaction_of,
)

LONG = timedelta(minutes=1)
ROUNDS = 15


@pytest.fixture
async def places(database_url: str) -> AsyncIterator[list[MintRows]]:
    """The same database, opened several times, as by several machines."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(4):
            opened.append(await open_rows(database_url))
            stack.push_async_callback(opened[-1].close)
        yield opened


async def test_of_workers_that_race_for_a_sender_one_gets_it(places: list[MintRows]) -> None:
    for number in range(ROUNDS):
        sender = Sender(CHAIN_ID, f"0x{number:040x}")
        for _ in range(2):
            asked = (place.outbox.lease(sender, f"{n}", LONG) for n, place in enumerate(places))
            assert sum(await asyncio.gather(*asked)) == 1
            await places[0].expire(sender)


async def test_workers_of_several_senders_share_the_mints(places: list[MintRows]) -> None:
    mints = [mint.id for mint in await places[0].request(range(60))]
    senders = [Sender(CHAIN_ID, f"0x{number:040x}") for number in range(4)]

    for place, sender in zip(places, senders, strict=True):
        assert await place.outbox.lease(sender, "same name", LONG)

    async def work(outbox: SqlMintOutbox, sender: Sender) -> list[str]:
        """Passes over those that another one is just looking at: a few looks more than would do alone."""
        signed: list[str] = []
        for nonce in range(20):
            ids = [job.mint_id for job in await outbox.take(sender, "same name", CONTRACT, 5)]
            if ids:
                assert await outbox.sign("same name", transaction_of(nonce, ids, sender))
                signed += ids
        return signed

    done = await asyncio.gather(*(work(p.outbox, s) for p, s in zip(places, senders, strict=True)))
    assert Counter(each for ids in done for each in ids) == Counter(mints)
    in_flight = [found for s in senders for found in await places[0].outbox.in_flight(s)]
    assert Counter(each for found in in_flight for each in found.mint_ids) == Counter(mints)


async def test_a_worker_whose_lease_ends_as_it_signs_and_its_successor_never_both_sign(places: list[MintRows]) -> None:
    old, new = places[0].outbox, places[1].outbox
    for number in range(ROUNDS):
        (mint,) = await places[0].request([number])
        assert await old.lease(SENDER, "old", LONG)
        assert await places[0].take(owner="old") == [mint.id]

        async def take_over(nonce: int) -> bool:
            await places[2].expire()
            assert await new.lease(SENDER, "new", LONG)
            ids = [job.mint_id for job in await new.take(SENDER, "new", CONTRACT, 10)]
            return bool(ids) and await new.sign("new", transaction_of(nonce + 1, ids))

        nonce = 2 * number
        both = await asyncio.gather(old.sign("old", transaction_of(nonce, [mint.id])), take_over(nonce))
        assert sum(both) == 1
        found = [each for each in await new.in_flight(SENDER) if mint.id in each.mint_ids]
        assert [each.nonce for each in found] == [nonce if both[0] else nonce + 1]
        await new.release(SENDER, "new")


async def test_mints_that_go_to_another_sender_just_before_they_are_signed_are_not_signed(postgres_url: str) -> None:
    """On PostgreSQL, which locks rows: the worker has asked whose they are, and waits for who writes them."""
    async with AsyncExitStack() as stack:
        rows = await open_rows(postgres_url)
        stack.push_async_callback(rows.close)
        (mint,) = await rows.request([1])
        assert await rows.outbox.lease(SENDER, "one", LONG)
        assert await rows.take() == [mint.id]
        async with transaction(rows.engine) as other:
            await other.execute(update(MintRecord).values(sender=OTHER_SENDER.address))
            signing = asyncio.create_task(rows.outbox.sign("one", transaction_of(0, [mint.id])))
            for_us = text(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
            )
            while not await other.scalar(for_us):
                assert not signing.done()
        assert not await signing
        assert await rows.outbox.in_flight(SENDER) == []


async def test_of_two_that_use_one_nonce_at_once_one_does(places: list[MintRows]) -> None:
    """As a worker that was suspended and wakes beside itself."""
    assert await places[0].outbox.lease(SENDER, "one", LONG)
    for nonce in range(ROUNDS):
        first, second = await places[0].request([2 * nonce, 2 * nonce + 1])
        assert await places[0].take() == [first.id, second.id]
        signed = await asyncio.gather(
            *(
                place.outbox.sign("one", transaction_of(nonce, [mint.id]))
                for place, mint in zip(places, (first, second), strict=False)
            )
        )
        assert sorted(signed) == [False, True]
        await places[0].outbox.lost("one", SENDER, nonce)
        await places[0].outbox.fail("one", SENDER, await places[0].take(), "done")


async def test_attempts_at_once_all_have_their_place(places: list[MintRows]) -> None:
    assert await places[0].outbox.lease(SENDER, "one", LONG)
    assert await places[0].outbox.sign("one", transaction_of(0))
    more = [attempt_of(0, number) for number in range(1, 9)]
    kept = await asyncio.gather(
        *(places[n % 4].outbox.replace("one", SENDER, 0, attempt) for n, attempt in enumerate(more))
    )
    assert all(kept)
    (found,) = await places[0].outbox.in_flight(SENDER)
    assert {each.hash for each in found.attempts} == {attempt_of(0).hash, *(each.hash for each in more)}


async def test_finality_and_letting_go_at_once_are_one_or_the_other(places: list[MintRows]) -> None:
    for number in range(ROUNDS):
        assert await places[0].outbox.lease(OTHER_SENDER, "two", LONG)
        (mint,) = await places[0].request([number])
        assert await places[0].take(10, OTHER_SENDER, "two") == [mint.id]
        signed = transaction_of(number, [mint.id], OTHER_SENDER)
        assert await places[0].outbox.sign("two", signed)
        inclusion = inclusion_of(signed.newest)
        await asyncio.gather(
            places[0].outbox.final("two", OTHER_SENDER, number, inclusion),
            places[1].outbox.again("two", OTHER_SENDER, [mint.id], reason="", after=timedelta(0)),
        )
        (state,) = await places[0].states([mint.id])
        assert state in ("final", "reserved")
        assert await places[0].outbox.in_flight(OTHER_SENDER) == []
        assert await places[0].take(10, OTHER_SENDER, "two") == ([mint.id] if state == "reserved" else [])
        await places[0].outbox.fail("two", OTHER_SENDER, [mint.id], "done")
