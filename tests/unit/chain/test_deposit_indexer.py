"""Deposits are booked exactly once, or something is said."""

import pytest

from chain.deposits import DepositIndexer
from gitex.credits import DepositCursor
from gitex.errors import Conflict, Unavailable
from tests.fakes.vault_chain import CHAIN_ID, VAULT, Paid, account
from tests.unit.chain.booking import Booking


async def test_what_is_final_is_booked_and_what_is_not_waits() -> None:
    booking = Booking()
    booking.chain.mine(Paid(1, 5), Paid(2, 7))
    booking.chain.mine(Paid(1, 11))
    assert not await booking.indexer.work_once()
    assert booking.booked == []
    booking.chain.node.mine_empty(1)  # the first is final now
    assert await booking.indexer.work_once()
    assert await booking.ledger.balance(account(1)) == 5
    booking.chain.finish()
    await booking.catch_up()
    assert booking.booked == booking.chain.deposits()
    assert (await booking.ledger.balance(account(1)), await booking.ledger.balance(account(2))) == (16, 7)
    assert booking.counted == 3
    assert not await booking.indexer.work_once()


async def test_a_long_chain_is_read_window_by_window_and_the_cursor_moves_with_each() -> None:
    booking = Booking()
    booking.chain.node.most_blocks = 4
    for number in range(30):
        booking.chain.mine(Paid(credits=number + 1))
    booking.chain.finish()
    assert await booking.indexer.work_once()
    cursor = await booking.ledger.cursor(CHAIN_ID, VAULT)
    assert 0 < cursor.next_block < 30
    # A process that is killed here goes on where the ledger stands.
    await booking.catch_up(booking.another())
    assert booking.booked == booking.chain.deposits()
    assert len(booking.booked) == 30


async def test_nothing_before_the_deployment_is_asked_for() -> None:
    booking = Booking()
    booking.chain.node.mine_empty(10)
    indexer = DepositIndexer(booking.chain.node, booking.ledger, CHAIN_ID, VAULT, 100, recorder=booking.recorder)
    assert not await indexer.work_once()
    assert "logs" not in booking.chain.node.asked


@pytest.mark.parametrize(
    ("left_out", "words"), [(1, "leaves deposits out: 2"), (2, "leaves deposits out: 3"), (3, "has 3 deposits")]
)
async def test_a_deposit_that_the_node_leaves_out_is_missed_and_found_later(left_out: int, words: str) -> None:
    booking = Booking()
    for _ in range(3):
        booking.chain.mine(Paid())
    booking.chain.finish()
    node = booking.chain.node
    node.leaves_out = lambda log: log.topics[1] == account(left_out)
    for _ in range(2):
        with pytest.raises(Conflict, match=words):
            await booking.indexer.work_once()
        assert booking.booked == []
    assert words in booking.indexer.problem
    node.leaves_out = lambda log: False
    await booking.catch_up()
    assert booking.booked == booking.chain.deposits()
    assert booking.indexer.problem == ""


async def test_a_deposit_left_out_of_a_window_that_is_passed_is_looked_for_from_the_beginning() -> None:
    booking = Booking()
    node = booking.chain.node
    node.most_blocks = 3
    for _ in range(12):
        booking.chain.mine(Paid())
    booking.chain.finish()
    node.leaves_out = lambda log: log.block_number <= 3
    assert await booking.indexer.work_once()  # a window without any deposit: nothing to be seen yet
    assert (await booking.ledger.cursor(CHAIN_ID, VAULT)).next_block == 3
    with pytest.raises(Conflict):
        await booking.catch_up()
    assert booking.booked == []
    node.leaves_out = lambda log: False
    await booking.catch_up()
    assert booking.booked == booking.chain.deposits()
    # And it goes on from the cursor, not from the beginning again.
    before = len(node.asked)
    booking.chain.mine(Paid())
    booking.chain.finish()
    await booking.catch_up()
    assert node.asked[before:].count("logs") <= 3
    assert len(booking.booked) == 13


async def test_a_block_that_is_replaced_while_it_is_read_books_nothing() -> None:
    booking = Booking()
    booking.chain.mine(Paid(1, 5))
    booking.chain.finish()
    node = booking.chain.node

    def replace_at(method: str) -> None:
        if method == "depositCount":
            node.before = lambda method: None
            booking.chain.reorganise(3, [[Paid(2, 9)], [], []])

    node.before = replace_at
    with pytest.raises(Unavailable, match="replaced"):
        await booking.indexer.work_once()
    assert booking.booked == []
    await booking.catch_up()
    assert await booking.ledger.balance(account(1)) == 0
    assert await booking.ledger.balance(account(2)) == 9


async def test_a_final_block_that_is_replaced_after_all_is_told_and_changes_nothing() -> None:
    booking = Booking()
    booking.chain.mine(Paid(1, 5))
    booking.chain.finish()
    await booking.catch_up()
    booking.chain.reorganise(3, [[Paid(2, 9)], [Paid(2, 9)], [], [], []])
    with pytest.raises(Conflict, match="block 1 was final"):
        await booking.catch_up()
    for _ in range(2):
        with pytest.raises(Conflict, match="deposit 1 is not what was booked"):
            await booking.catch_up()
    assert [deposit.account for deposit in booking.booked] == [account(1)]


async def test_a_chain_that_begins_anew_is_told() -> None:
    booking = Booking()
    booking.chain.node.mine_empty(20)
    await booking.catch_up()
    booking.chain.reorganise(20, [[Paid()]])
    indexer = booking.another()
    with pytest.raises(Unavailable, match="was when it was read before"):
        await indexer.work_once()
    booking.chain.node.mine_empty(25)
    with pytest.raises(Conflict, match="has 1 deposits"):
        await booking.catch_up(indexer)
    await booking.catch_up(indexer)  # the second look finds what lies before the cursor
    assert len(booking.booked) == 1


async def test_what_stays_wrong_is_looked_for_from_the_beginning_more_and_more_seldom() -> None:
    booking = Booking()
    node = booking.chain.node
    for _ in range(40):
        booking.chain.mine(Paid())
    booking.chain.finish()
    node.most_blocks = 4
    node.leaves_out = lambda log: log.topics[1] == account(40)
    with pytest.raises(Conflict):
        await booking.catch_up()
    node.asked.clear()
    for _ in range(63):
        with pytest.raises(Conflict, match="has 40 deposits"):
            await booking.catch_up()
    # From the beginning after the 1st, 2nd, 4th… conflict; else the last window alone.
    assert 63 < node.asked.count("logs") < 63 * 2 + 6 * 20
    node.leaves_out = lambda log: False
    await booking.catch_up()
    assert booking.booked == booking.chain.deposits()
    # All is well again: the next conflict is a first one.
    booking.chain.mine(Paid())
    booking.chain.finish()
    node.leaves_out = lambda log: log.topics[1] == account(41)
    with pytest.raises(Conflict):
        await booking.catch_up()
    node.leaves_out = lambda log: False
    node.asked.clear()
    await booking.catch_up()
    assert node.asked.count("logs") > 10


@pytest.mark.parametrize("where", ["finalized", "logs", "depositCount", "block_hash"])
async def test_a_node_that_fails_anywhere_books_nothing_and_is_asked_again(where: str) -> None:
    booking = Booking()
    booking.chain.mine(Paid())
    booking.chain.finish()
    node = booking.chain.node

    def fail(method: str) -> None:
        if method == where:
            raise Unavailable("the node is down")

    node.before = fail
    with pytest.raises(Unavailable):
        await booking.indexer.work_once()
    assert (booking.booked, booking.indexer.problem) == ([], "the node is down")
    node.before = lambda method: None
    await booking.catch_up()
    assert (len(booking.booked), booking.indexer.problem) == (1, "")


async def test_the_ledgers_own_failure_is_handed_on() -> None:
    booking = Booking()
    booking.ledger.error = Unavailable("the database is down")
    with pytest.raises(Unavailable, match="database"):
        await booking.indexer.work_once()


async def test_another_ledgers_cursor_that_is_ahead_is_respected() -> None:
    booking = Booking()
    booking.chain.mine(Paid())
    booking.chain.node.mine_empty(5)
    booking.ledger.cursors[CHAIN_ID, VAULT] = DepositCursor(next_block=4, next_deposit=1)
    with pytest.raises(Conflict):
        await booking.indexer.work_once()
    await booking.catch_up()
    assert len(booking.booked) == 1
