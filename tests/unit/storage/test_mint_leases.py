"""One worker of a sender at a time: whoever holds the lease no longer changes nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from gitex.minting import Mint, Sender
from gitex.ports import MintOutbox
from storage.chain_tables import MintRecord
from storage.database import transaction
from tests.fakes.mint_outbox import (
    CONTRACT,
    OTHER_SENDER,
    SENDER,
    MintRows,
    attempt_of,
    inclusion_of,
    transaction_of,
)

LONG = timedelta(minutes=1)
AT_ONCE = timedelta(0)


async def test_a_lease_is_one_workers_until_it_ends_or_is_given_up(rows: MintRows) -> None:
    outbox: MintOutbox = rows.outbox
    assert not await outbox.lease(SENDER, "two", LONG)
    assert await outbox.lease(SENDER, "one", LONG)
    assert await outbox.lease(OTHER_SENDER, "two", LONG)
    assert await outbox.lease(Sender(1, SENDER.address), "two", LONG)
    await outbox.release(SENDER, "two")
    assert not await outbox.lease(SENDER, "two", LONG)
    await outbox.release(SENDER, "one")
    assert await outbox.lease(SENDER, "two", LONG)
    await rows.expire()
    assert await outbox.lease(SENDER, "one", LONG)
    assert not await outbox.lease(SENDER, "two", LONG)


async def test_what_one_sender_has_taken_no_other_takes_until_its_lease_ends(rows: MintRows) -> None:
    mints = [mint.id for mint in await rows.request(range(4))]
    assert await rows.take(2) == mints[:2]
    assert await rows.outbox.lease(OTHER_SENDER, "two", LONG)
    assert await rows.take(10, OTHER_SENDER, "two") == mints[2:]
    await rows.expire()
    assert await rows.take(10, OTHER_SENDER, "two") == mints
    assert await rows.outbox.lease(SENDER, "one", LONG)
    assert not await rows.outbox.sign("one", transaction_of(0, mints[:2]))
    assert await rows.outbox.sign("two", transaction_of(0, mints, OTHER_SENDER))


async def test_what_a_dead_worker_had_taken_its_successor_takes(rows: MintRows) -> None:
    mints = [mint.id for mint in await rows.request(range(2))]
    assert await rows.take() == mints
    await rows.expire()
    assert await rows.outbox.lease(SENDER, "two", LONG)
    assert await rows.take(owner="one") == []
    assert await rows.take(owner="two") == mints


async def test_a_successor_decides_only_about_what_it_has_taken_itself(rows: MintRows) -> None:
    (mint,) = await rows.request([1])
    assert await rows.take() == [mint.id]
    await rows.outbox.release(SENDER, "one")
    assert await rows.outbox.lease(SENDER, "two", LONG)
    assert not await rows.outbox.sign("two", transaction_of(0, [mint.id]))
    assert await rows.outbox.fail("two", SENDER, [mint.id], "not mine")
    assert await rows.states([mint.id]) == ["reserved"]
    assert await rows.take(owner="two") == [mint.id]
    assert await rows.outbox.sign("two", transaction_of(0, [mint.id]))


async def test_what_is_decided_about_is_in_this_workers_hands_only(rows: MintRows) -> None:
    outbox, (untaken, theirs) = rows.outbox, await rows.request([1, 2])
    assert await outbox.lease(OTHER_SENDER, "two", LONG)
    assert await outbox.take(OTHER_SENDER, "two", CONTRACT, 1)
    assert await outbox.sign("two", transaction_of(0, [untaken.id], OTHER_SENDER))
    assert await outbox.take(OTHER_SENDER, "two", CONTRACT, 1)
    ids = [untaken.id, theirs.id]
    before = [await rows.mints.get(each) for each in ids]
    assert await outbox.again("one", SENDER, ids, reason="x", after=AT_ONCE)
    assert await outbox.fail("one", SENDER, ids, "x")
    assert [await rows.mints.get(each) for each in ids] == before
    assert await outbox.sign("two", transaction_of(1, [theirs.id], OTHER_SENDER))


Write = Callable[[MintOutbox, str, Mint], Awaitable[bool]]
_INCLUSION = inclusion_of(attempt_of(0))
WRITES: dict[str, Write] = {
    "sign": lambda outbox, owner, mint: outbox.sign(owner, transaction_of(1, [mint.id])),
    "replace": lambda outbox, owner, mint: outbox.replace(owner, SENDER, 0, attempt_of(0, 1)),
    "broadcast": lambda outbox, owner, mint: outbox.broadcast(owner, SENDER, 0),
    "mined": lambda outbox, owner, mint: outbox.mined(owner, SENDER, 0, _INCLUSION),
    "unmined": lambda outbox, owner, mint: outbox.unmined(owner, SENDER, 0),
    "final": lambda outbox, owner, mint: outbox.final(owner, SENDER, 0, _INCLUSION),
    "lost": lambda outbox, owner, mint: outbox.lost(owner, SENDER, 0),
    "again": lambda outbox, owner, mint: outbox.again(owner, SENDER, [mint.id], reason="x", after=AT_ONCE),
    "fail": lambda outbox, owner, mint: outbox.fail(owner, SENDER, [mint.id], "x"),
    "minted_elsewhere": lambda outbox, owner, mint: outbox.minted_elsewhere(owner, SENDER, mint.id, _INCLUSION),
}


async def _everything(rows: MintRows) -> object:
    async with transaction(rows.engine) as session:
        mints = [vars(row) for row in await session.scalars(select(MintRecord).order_by(MintRecord.id))]
    for each in mints:
        each.pop("_sa_instance_state")
    return mints, await rows.outbox.in_flight(SENDER)


@pytest.mark.parametrize("ended", ["expired", "released", "taken over", "taken over and taken"])
@pytest.mark.parametrize("name", WRITES)
async def test_whoever_holds_the_lease_no_longer_changes_nothing(rows: MintRows, name: str, ended: str) -> None:
    signed = await rows.sign_new(0)
    if name == "unmined":
        await rows.outbox.mined("one", SENDER, 0, inclusion_of(signed.newest))
    (taken,) = await rows.request([100])
    assert await rows.take() == [taken.id]
    if ended == "released":
        await rows.outbox.release(SENDER, "one")
    else:
        await rows.expire()
    if ended.startswith("taken over"):
        assert await rows.outbox.lease(SENDER, "two", LONG)
    if ended.endswith("and taken"):
        assert await rows.take(owner="two") == [taken.id]
    before = await _everything(rows)
    assert not await WRITES[name](rows.outbox, "one", taken)
    assert await rows.outbox.take(SENDER, "one", CONTRACT, 10) == []
    assert await _everything(rows) == before
    if ended == "taken over and taken":
        assert await WRITES[name](rows.outbox, "two", taken)
        assert await _everything(rows) != before


async def test_a_lease_that_ended_and_was_taken_again_by_the_same_worker_is_its_own(rows: MintRows) -> None:
    (mint,) = await rows.request([1])
    assert await rows.take() == [mint.id]
    await rows.expire()
    assert not await rows.outbox.sign("one", transaction_of(0, [mint.id]))
    assert await rows.outbox.lease(SENDER, "one", LONG)
    assert await rows.outbox.sign("one", transaction_of(0, [mint.id]))
