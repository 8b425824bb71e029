"""The rows of minting as the worker of a sender writes them: from a signature to finality, and all the ways back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gitex.minting import Inclusion
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.chain_tables import TransactionMintRecord
from storage.database import transaction
from tests.fakes.mint_outbox import CONTRACT, OTHER_SENDER, SENDER, MintRows, attempt_of, inclusion_of, transaction_of
from tests.fakes.minted_assets import MOMENT

LONG = timedelta(minutes=1)
AT_ONCE = timedelta(0)


async def test_a_signed_transaction_comes_back_exactly(rows: MintRows) -> None:
    mints = [mint.id for mint in await rows.request(range(3))]
    await rows.take()
    signed = transaction_of(2**40, list(reversed(mints)))
    wide = replace(signed.newest, max_fee=2**256 - 1, priority_fee=2**200, raw=bytes(range(256)))
    signed = replace(signed, attempts=(wide,))
    assert await rows.outbox.highest_nonce(SENDER) is None
    assert await rows.outbox.sign("one", signed)
    assert await rows.outbox.in_flight(SENDER) == [signed]
    assert await rows.outbox.in_flight(OTHER_SENDER) == []
    assert await rows.outbox.highest_nonce(SENDER) == 2**40
    shown = await rows.mints.get(mints[0])
    assert (shown.state, shown.transaction, shown.block_number) == ("signed", wide.hash, None)
    assert await rows.take() == []


async def test_one_that_fills_a_gap_carries_nothing(rows: MintRows) -> None:
    filler = replace(transaction_of(0), data=b"", to=SENDER.address)
    assert await rows.outbox.sign("one", filler)
    assert await rows.outbox.in_flight(SENDER) == [filler]


async def test_nothing_is_signed_twice_or_for_a_mint_that_is_not_taken(rows: MintRows) -> None:
    outbox, mints = rows.outbox, [mint.id for mint in await rows.request(range(3))]
    assert await rows.take(2) == mints[:2]
    for refused in (mints, [mints[2]], ["mnt_unknown"], [mints[0], mints[0]]):
        assert not await outbox.sign("one", transaction_of(0, refused))
    assert await outbox.in_flight(SENDER) == []
    assert await rows.states(tuple(mints)) == ["reserved"] * 3
    assert await outbox.sign("one", transaction_of(0, [mints[0]]))
    assert not await outbox.sign("one", transaction_of(1, mints[:2]))
    taken = replace(transaction_of(0, [mints[1]]), attempts=(attempt_of(0, 9),))
    assert not await outbox.sign("one", taken)
    assert await outbox.sign("one", transaction_of(1, [mints[1]]))
    assert await rows.states(tuple(mints)) == ["signed", "signed", "reserved"]


async def test_every_attempt_is_kept_in_its_order_and_the_newest_is_shown(rows: MintRows) -> None:
    signed = await rows.sign_new(3)
    # A clock that went back changes no order.
    more = [replace(attempt_of(3, n, max_fee=10**9 * n), created_at=MOMENT - timedelta(hours=n)) for n in (1, 2)]
    for attempt in more:
        assert await rows.outbox.replace("one", SENDER, 3, attempt)
    assert await rows.outbox.replace("one", SENDER, 3, more[1])
    (found,) = await rows.outbox.in_flight(SENDER)
    assert found.attempts == (*signed.attempts, *more)
    assert (await rows.mints.get(signed.mint_ids[0])).transaction == more[1].hash
    assert not await rows.outbox.replace("one", SENDER, 4, attempt_of(4))


async def test_a_transaction_in_a_block_or_over_gets_no_other_attempt(rows: MintRows) -> None:
    signed = await rows.sign_new(0)
    inclusion = inclusion_of(signed.newest)
    assert await rows.outbox.mined("one", SENDER, 0, inclusion)
    assert not await rows.outbox.replace("one", SENDER, 0, attempt_of(0, 1))
    assert await rows.outbox.final("one", SENDER, 0, inclusion)
    assert not await rows.outbox.replace("one", SENDER, 0, attempt_of(0, 1))


async def test_from_signature_to_finality(rows: MintRows) -> None:
    outbox, signed = rows.outbox, await rows.sign_new(0)
    older, mint_id = signed.newest, signed.mint_ids[0]
    assert await outbox.replace("one", SENDER, 0, attempt_of(0, 1))
    assert await outbox.broadcast("one", SENDER, 0)
    assert await rows.states(signed.mint_ids) == ["broadcast", "broadcast"]
    inclusion = inclusion_of(older, 7)
    assert await outbox.mined("one", SENDER, 0, inclusion)
    (found,) = await outbox.in_flight(SENDER)
    assert (found.state, found.mined_hash, found.block_number) == ("mined", older.hash, 7)
    assert found.block_hash == inclusion.block_hash
    shown = await rows.mints.get(mint_id)
    assert (shown.state, shown.transaction, shown.block_number, shown.finalized_at) == ("mined", older.hash, 7, None)
    assert await outbox.final("one", SENDER, 0, inclusion)
    assert await outbox.in_flight(SENDER) == []
    done = await rows.mints.get(mint_id)
    assert (done.state, done.transaction, done.block_number) == ("final", older.hash, 7)
    assert done.finalized_at is not None
    assert await outbox.highest_nonce(SENDER) == 0


async def test_an_asset_that_is_deleted_once_it_is_signed_for_changes_nothing(rows: MintRows, tmp_path: Path) -> None:
    signed = await rows.sign_new(0, 1)
    store = SqlAssetStore(rows.engine, LocalBlobStore(tmp_path))
    await store.delete((await rows.mints.get(signed.mint_ids[0])).order.asset_id, None)
    await rows.take()
    assert await rows.outbox.in_flight(SENDER) == [signed]
    assert await rows.outbox.final("one", SENDER, 0, inclusion_of(signed.newest))
    assert await rows.states(signed.mint_ids) == ["final"]


async def test_a_block_that_is_replaced_takes_its_mints_back(rows: MintRows) -> None:
    outbox, signed = rows.outbox, await rows.sign_new(0)
    assert await outbox.mined("one", SENDER, 0, inclusion_of(signed.newest))
    assert await outbox.unmined("one", SENDER, 0)
    (found,) = await outbox.in_flight(SENDER)
    assert found == replace(signed, state="broadcast")
    shown = await rows.mints.get(signed.mint_ids[0])
    assert (shown.state, shown.block_number, shown.transaction) == ("broadcast", None, signed.newest.hash)
    assert await outbox.mined("one", SENDER, 0, inclusion_of(signed.newest, 9))
    assert (await rows.mints.get(signed.mint_ids[0])).block_number == 9


async def test_late_news_take_nothing_back(rows: MintRows) -> None:
    outbox, signed = rows.outbox, await rows.sign_new(0)
    inclusion = inclusion_of(signed.newest)
    assert await outbox.mined("one", SENDER, 0, inclusion)
    assert await outbox.broadcast("one", SENDER, 0)
    assert await rows.states(signed.mint_ids) == ["mined", "mined"]
    assert await outbox.final("one", SENDER, 0, inclusion)
    done = await rows.mints.get(signed.mint_ids[0])
    for late in (outbox.broadcast, outbox.unmined, outbox.lost):
        assert await late("one", SENDER, 0)
    for again in (outbox.mined, outbox.final):
        assert await again("one", SENDER, 0, inclusion_of(signed.newest, 99))
    assert await outbox.again("one", SENDER, signed.mint_ids, reason="late", after=AT_ONCE)
    assert await outbox.fail("one", SENDER, signed.mint_ids, "late")
    assert await rows.mints.get(signed.mint_ids[0]) == done
    assert await outbox.in_flight(SENDER) == []


async def test_a_reverted_batch_is_let_go_and_its_mints_go_alone(rows: MintRows) -> None:
    outbox, signed = rows.outbox, await rows.sign_new(0)
    inclusion = inclusion_of(signed.newest, succeeded=False)
    assert await outbox.mined("one", SENDER, 0, inclusion)
    shown = await rows.mints.get(signed.mint_ids[0])
    assert (shown.state, shown.reason) == ("mined", "its transaction was reverted, in a block that may not stay")
    with pytest.raises(ValueError, match="reverted"):
        await outbox.final("one", SENDER, 0, inclusion)
    assert await rows.states(signed.mint_ids) == ["mined", "mined"]
    assert await outbox.again("one", SENDER, signed.mint_ids, reason="the batch", after=AT_ONCE, alone=True)
    (left,) = await outbox.in_flight(SENDER)
    assert left.mint_ids == ()  # whoever goes on from here lets nothing go twice
    assert await outbox.final("one", SENDER, 0, inclusion)
    waiting = await rows.mints.get(signed.mint_ids[0])
    assert (waiting.state, waiting.reason, waiting.transaction) == ("reserved", "the batch", "")
    jobs = await outbox.take(SENDER, "one", CONTRACT, 10)
    assert [(job.mint_id, job.alone) for job in jobs] == [(each, True) for each in signed.mint_ids]
    assert await outbox.again("one", SENDER, signed.mint_ids, reason="", after=AT_ONCE)
    assert all(job.alone for job in await outbox.take(SENDER, "one", CONTRACT, 10))


async def test_letting_go_again_leaves_the_next_transaction_alone(rows: MintRows) -> None:
    outbox, first = rows.outbox, await rows.sign_new(0)
    await outbox.mined("one", SENDER, 0, inclusion_of(first.newest, succeeded=False))
    await outbox.again("one", SENDER, first.mint_ids, reason="", after=AT_ONCE)
    assert tuple(await rows.take()) == first.mint_ids
    second = transaction_of(1, first.mint_ids)
    assert await outbox.sign("one", second)
    carried = {found.nonce: found.mint_ids for found in await outbox.in_flight(SENDER)}
    assert carried == {0: (), 1: first.mint_ids}
    assert await outbox.final("one", SENDER, 0, inclusion_of(first.newest, succeeded=False))
    assert await rows.states(first.mint_ids) == ["signed", "signed"]


async def test_which_transactions_a_mint_was_in_stays_written(rows: MintRows) -> None:
    outbox, first = rows.outbox, await rows.sign_new(0)
    await outbox.lost("one", SENDER, 0)
    await rows.take()
    assert await outbox.sign("one", transaction_of(1, first.mint_ids))
    member = TransactionMintRecord
    async with transaction(rows.engine) as session:
        found = await session.execute(select(member.nonce, member.mint_id).order_by(member.nonce, member.position))
        assert [tuple(row) for row in found] == [(nonce, each) for nonce in (0, 1) for each in first.mint_ids]


async def test_one_that_fails_says_why_and_where(rows: MintRows) -> None:
    outbox, signed = rows.outbox, await rows.sign_new(0, 1)
    inclusion = inclusion_of(signed.newest, succeeded=False)
    await outbox.mined("one", SENDER, 0, inclusion)
    reason = "the recipient takes no tokens: \0\ud800" + "x" * 100_000
    assert await outbox.fail("one", SENDER, signed.mint_ids, reason)
    assert await outbox.final("one", SENDER, 0, inclusion)
    failed = await rows.mints.get(signed.mint_ids[0])
    assert (failed.state, failed.transaction, failed.block_number) == ("failed", signed.newest.hash, 7)
    assert failed.reason.startswith("the recipient takes no tokens: \ufffd?xxx")
    assert len(failed.reason) == 1000
    assert await rows.take() == []
    again = await rows.mints.request(failed.order)
    assert (again.state, again.transaction, again.block_number) == ("reserved", "", None)
    assert await rows.take() == [failed.id]


async def test_a_lost_nonce_gives_its_mints_back(rows: MintRows) -> None:
    signed = await rows.sign_new(0)
    assert await rows.outbox.lost("one", SENDER, 0)
    assert await rows.outbox.in_flight(SENDER) == []
    assert await rows.outbox.highest_nonce(SENDER) == 0
    assert tuple(await rows.take()) == signed.mint_ids
    assert not await rows.outbox.sign("one", transaction_of(0, signed.mint_ids))


async def test_a_token_that_stands_already_is_final_with_its_own_transaction(rows: MintRows) -> None:
    taken, other = await rows.request([1, 2])
    await rows.take(1)
    theirs = Inclusion("0x" + "ab" * 32, 3, "0x" + "cd" * 32, succeeded=True, fee=1)
    for mint in (taken, other):
        assert await rows.outbox.minted_elsewhere("one", SENDER, mint.id, theirs)
    done = await rows.mints.get(taken.id)
    assert (done.state, done.transaction, done.block_number) == ("final", theirs.transaction_hash, 3)
    assert done.finalized_at is not None
    assert (await rows.mints.get(other.id)).state == "reserved"
