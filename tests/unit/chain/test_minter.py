"""A minter over real rows and a strict node: what it does on ordinary and on bad days."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest

from chain.fees import FeePolicy
from chain.minting_desk import PROBLEMS
from gitex.errors import Conflict, Unavailable
from gitex.metrics import MINT_PROBLEM, TRANSACTIONS
from gitex.minting import Sender
from storage.database import open_database
from tests.fakes.faults import Fuse, Killed
from tests.fakes.key_signer import KeySigner, account
from tests.fakes.minting_stage import OTHER, RECIPIENT, Stage
from tests.fakes.strict_node import GAS, StrictNode

_MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the system has such a place: thousands of commits would wait for a disk."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
async def stage(folder: Path) -> AsyncIterator[Stage]:
    engine = await open_database(f"sqlite+aiosqlite:///{folder}/gitex.db")
    yield Stage(engine)
    await engine.dispose()


def happened(stage: Stage, event: str) -> float:
    return stage.recorder.counted(TRANSACTIONS.name, sender=stage.sender.address, event=event)


async def test_a_mint_goes_through_its_states_and_is_final_only_when_its_block_is(stage: Stage) -> None:
    minter, mint = stage.worker(), await stage.order(1)
    assert mint.state == "reserved"

    await minter.work_once()
    sent = await stage.mints.get(mint.id)
    assert sent.state == "broadcast"
    assert sent.transaction.startswith("0x")
    stage.node.mine()
    await minter.work_once()
    assert (await stage.mints.get(mint.id)).state == "mined"
    assert not await minter.work_once()
    stage.node.mine(stage.node.final_depth)
    assert await minter.work_once()

    final = await stage.mints.get(mint.id)
    assert (final.state, final.block_number, final.transaction) == ("final", 1, sent.transaction)
    await stage.assert_each_minted_once([mint])


async def test_a_mint_waits_for_its_publication(stage: Stage) -> None:
    mint = await stage.order(1, published=False)
    await stage.work(stage.worker(), 2)
    waiting = await stage.mints.get(mint.id)
    assert waiting.state == "reserved"
    assert waiting.reason


async def test_many_that_wait_share_transactions(stage: Stage) -> None:
    mints = await stage.orders(40)
    await stage.work(stage.worker())
    await stage.assert_each_minted_once(mints)
    assert happened(stage, "signed") == 3


async def test_one_that_the_contract_refuses_does_not_hold_up_its_batch(stage: Stage) -> None:
    bad = await stage.order(100, OTHER)
    mints = await stage.orders(5)
    stage.node.refusing.add(OTHER)
    await stage.work(stage.worker())
    failed = await stage.mints.get(bad.id)
    assert failed.state == "failed"
    assert "takes no tokens" in failed.reason
    await stage.assert_each_minted_once(mints)


async def test_a_batch_that_is_reverted_in_its_block_is_tried_one_by_one(stage: Stage) -> None:
    bad, mints = await stage.order(100, OTHER), await stage.orders(3)
    minter = stage.worker()
    await minter.work_once()
    stage.node.refusing.add(OTHER)  # after the estimate
    await stage.work(minter, 24)
    assert (await stage.mints.get(bad.id)).state == "failed"
    assert happened(stage, "reverted") == 1
    assert await stage.states(mints) == {"final": 3}
    await stage.assert_each_minted_once(mints)


async def test_a_single_mint_that_is_reverted_in_its_block_fails_and_pays_only_once(stage: Stage) -> None:
    bad, minter = await stage.order(100, OTHER), stage.worker()
    await minter.work_once()
    stage.node.refusing.add(OTHER)
    await stage.work(minter)
    assert (await stage.mints.get(bad.id)).state == "failed"
    assert stage.node.sent == 1


async def test_a_failed_mint_can_be_asked_for_again(stage: Stage) -> None:
    mint, minter = await stage.order(1), stage.worker()
    stage.node.refusing.add(RECIPIENT)
    await stage.work(minter)
    stage.node.refusing.clear()
    assert (await stage.mints.request(mint.order)).id == mint.id
    await stage.work(minter)
    await stage.assert_each_minted_once([mint])


async def test_an_asset_is_minted_for_one_recipient_only(stage: Stage) -> None:
    await stage.order(1)
    with pytest.raises(Conflict):
        await stage.order(1, OTHER)


@pytest.mark.parametrize("depth", range(1, 9))
@pytest.mark.parametrize("mined_blocks", [1, 4, 8])
async def test_a_reorganisation_before_finality_mints_again_and_never_twice(
    stage: Stage, depth: int, mined_blocks: int
) -> None:
    stage.node.final_depth = 10
    mints, minter = await stage.orders(3), stage.worker()
    await minter.work_once()
    stage.node.mine(mined_blocks)
    await minter.work_once()
    stage.node.reorganise(depth)
    await stage.work(minter, 30)
    await stage.assert_each_minted_once(mints)


@pytest.mark.parametrize("depth", range(1, 9))
async def test_a_reorganisation_while_it_waits_changes_nothing(stage: Stage, depth: int) -> None:
    stage.node.final_depth = 10
    stage.node.mine(20)
    mints, minter = await stage.orders(2), stage.worker()
    stage.node.reorganise(depth)
    await minter.work_once()
    stage.node.reorganise(depth)
    await stage.work(minter, 20)
    await stage.assert_each_minted_once(mints)


async def test_a_mempool_that_forgets_is_told_again(stage: Stage) -> None:
    mints, minter = await stage.orders(3), stage.worker()
    await minter.work_once()
    stage.node.forget()
    await stage.work(minter)
    await stage.assert_each_minted_once(mints)
    assert happened(stage, "resent") == 1


async def test_fees_are_raised_until_it_is_mined_and_the_node_takes_each_replacement(stage: Stage) -> None:
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    stage.node.base_fee *= 4  # now it waits
    for _ in range(20):
        assert stage.now is not None
        stage.now += timedelta(seconds=5)
        await stage.work(minter, 1)
    await stage.work(minter)
    assert happened(stage, "replaced") >= 1
    await stage.assert_each_minted_once(mints)


async def test_an_old_attempt_that_is_mined_after_all_counts(stage: Stage) -> None:
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    ((key, first),) = stage.node.pool.items()
    assert stage.now is not None
    stage.now += timedelta(seconds=60)
    await minter.work_once()
    assert stage.node.pool[key].hash != first.hash
    stage.node.pool = {key: first}
    stage.node.mine()
    await stage.work(minter)
    await stage.assert_each_minted_once(mints)
    assert (await stage.mints.get(mints[0].id)).transaction == first.hash


async def test_fees_are_never_raised_over_the_cap(stage: Stage) -> None:
    stage.policy = FeePolicy(per_mint=GAS * 12 // 10 * 3_000, per_day=10**19)
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    stage.node.base_fee = 10_000
    for _ in range(30):
        assert stage.now is not None
        stage.now += timedelta(seconds=5)
        await stage.work(minter, 1)
    assert "fee_cap" in minter.problems
    (waiting,) = stage.node.pool.values()
    assert waiting.max_fee <= 3_000
    assert await stage.states(mints) == {"broadcast": 1}
    stage.node.base_fee = 1_000
    await stage.work(minter)
    await stage.assert_each_minted_once(mints)


async def test_what_would_cost_more_than_the_cap_is_not_signed_and_says_so(stage: Stage) -> None:
    stage.policy = FeePolicy(per_mint=1_000, per_day=10**19)
    (mint,), minter = await stage.orders(1), stage.worker()
    await stage.work(minter, 3)
    waiting = await stage.mints.get(mint.id)
    assert waiting.state == "reserved"
    assert "cap" in waiting.reason
    assert stage.node.sent == 0


async def test_a_days_cap_holds_over_all_transactions(stage: Stage) -> None:
    one = GAS * 12 // 10 * 2_100
    stage.policy = FeePolicy(per_mint=10**16, per_day=3 * one)
    stage.batch = 1
    await stage.orders(6)
    minter = stage.worker()
    for _ in range(8):  # nothing is mined: all count with their worst case
        await minter.work_once()
    assert stage.node.sent == 3
    assert "fee_cap" in minter.problems or await stage.states(await stage.orders(6)) == {"broadcast": 3, "reserved": 3}


async def test_an_empty_purse_waits_and_goes_on_when_it_is_filled(stage: Stage) -> None:
    stage.node.purse = 5
    (mint,), minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    waiting = await stage.mints.get(mint.id)
    assert waiting.state == "reserved"
    assert "lacks" in waiting.reason
    assert stage.recorder.gauges[MINT_PROBLEM.name] in (0.0, 1.0)
    assert "funds" in minter.problems
    stage.node.purse = 10**24
    await stage.make_due()
    await stage.work(minter)
    await stage.assert_each_minted_once([mint])
    assert not minter.problems


async def test_a_node_that_refuses_is_asked_again(stage: Stage) -> None:
    stage.node.refuses_all = True
    mints, minter = await stage.orders(2), stage.worker()
    await stage.work(minter, 3)
    assert await stage.states(mints) == {"signed": 2}
    assert "refused" in minter.problems
    stage.node.refuses_all = False
    await stage.work(minter)
    await stage.assert_each_minted_once(mints)


async def test_nothing_is_signed_for_another_chain(stage: Stage) -> None:
    stage.node.wrong_chain = True
    mints, minter = await stage.orders(2), stage.worker()
    with pytest.raises(Unavailable):
        await minter.work_once()
    assert "wrong_chain" in minter.problems
    assert stage.signer.signed == 0
    assert await stage.states(mints) == {"reserved": 2}


async def test_a_node_that_is_down_loses_nothing(stage: Stage) -> None:
    mints, minter = await stage.orders(2), stage.worker()
    for down in (True, False, True, False, True):
        stage.node.down = down
        await stage.work(minter, 1)
    stage.node.down = False
    await stage.work(minter)
    await stage.assert_each_minted_once(mints)


async def test_a_signer_that_is_down_loses_nothing_and_says_so(stage: Stage) -> None:
    stage.signer.down = True
    (mint,), minter = await stage.orders(1), stage.worker()
    await stage.work(minter, 2)
    assert "signer" in (await stage.mints.get(mint.id)).reason
    stage.signer.down = False
    await stage.make_due()
    await stage.work(minter)
    await stage.assert_each_minted_once([mint])


async def test_a_paused_contract_is_waited_for(stage: Stage) -> None:
    stage.node.paused = True
    (mint,), minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    assert "paused" in minter.problems
    assert (await stage.mints.get(mint.id)).state == "reserved"
    stage.node.paused = False
    await stage.make_due()
    await stage.work(minter)
    await stage.assert_each_minted_once([mint])


@pytest.mark.parametrize("lie", [-3, -1, 1, 5, 1000])
async def test_a_node_that_lies_about_the_nonce_delays_and_breaks_nothing(stage: Stage, lie: int) -> None:
    first, minter = await stage.orders(3), stage.worker()
    await stage.work(minter)
    later = [await stage.order(number) for number in (10, 11)]
    stage.node.nonce_lie = lie
    await stage.work(minter, 4)
    stage.node.nonce_lie = 0
    await stage.make_due()
    await stage.work(minter, 30)
    assert await stage.states([*first, *later]) == {"final": 5}
    assert stage.node.tokens == {mint.order.token_id: RECIPIENT for mint in (*first, *later)}
    assert not stage.node.pool


async def test_a_gap_that_a_lie_has_made_is_filled(stage: Stage) -> None:
    mints, minter = await stage.orders(1), stage.worker()
    stage.node.nonce_lie = 4
    await minter.work_once()  # the key is new: what the node says at its finalized block is all there is
    stage.node.nonce_lie = 0
    await stage.work(minter, 30)
    assert happened(stage, "filler") == 4
    await stage.assert_each_minted_once(mints)


async def test_a_nonce_that_was_given_up_because_of_a_lie_is_filled(stage: Stage) -> None:
    """The property of `test_minter_on_any_day` found it: the row of the lost transaction stood in the way."""
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    stage.node.forget()
    stage.node.nonce_lie = 2
    await stage.work(minter, 2)
    assert happened(stage, "lost") == 1
    stage.node.nonce_lie = 0
    await stage.work(minter, 30)
    await stage.assert_each_minted_once(mints)


async def test_a_nonce_that_a_stranger_took_is_given_up_only_when_that_is_final(stage: Stage) -> None:
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    ((key, ours),) = stage.node.pool.items()
    stage.node.pool = {key: replace(ours, hash="0x" + "9" * 64, to=OTHER, data=b"")}
    stage.node.mine()
    await minter.work_once()
    assert await stage.states(mints) == {"broadcast": 1}
    await stage.work(minter, 20)
    assert happened(stage, "lost") == 1
    await stage.assert_each_minted_once(mints)


async def test_a_token_that_stands_as_ordered_is_a_mint_done(stage: Stage) -> None:
    """As when the database was restored from an older copy."""
    mint, minter = await stage.order(1), stage.worker()
    await minter.work_once()
    stage.node.mine()
    (mined,) = stage.node.blocks[-1].mined
    await stage.forget_transactions()
    await stage.work(minter, 20)
    done = await stage.mints.get(mint.id)
    assert (done.state, done.transaction) == ("final", mined.transaction.hash)
    assert stage.node.tokens == {mint.order.token_id: RECIPIENT}


async def test_a_token_that_stands_for_somebody_else_fails_the_mint(stage: Stage) -> None:
    mint = await stage.order(1)
    stage.node.give(mint.order.token_id, OTHER)
    await stage.work(stage.worker(), 8)
    failed = await stage.mints.get(mint.id)
    assert failed.state == "failed"
    assert OTHER in failed.reason


async def test_two_workers_of_one_sender_take_turns(stage: Stage) -> None:
    mints = await stage.orders(20)
    stage.batch = 3
    one, two = stage.worker(), stage.worker()
    for _ in range(12):
        await asyncio.gather(one.work_once(), two.work_once())
        stage.node.mine()
    await stage.assert_each_minted_once(mints)


async def test_a_worker_that_was_thought_dead_signs_nothing_more(stage: Stage) -> None:
    mints, slow = await stage.orders(2), stage.worker()
    stage.node.slow = 0.05
    pass_of_the_slow = asyncio.create_task(slow.work_once())
    await asyncio.sleep(0.02)
    await stage.expire_lease()
    stage.node.slow = 0.0
    quick = stage.worker()
    await quick.work_once()
    assert not await pass_of_the_slow
    await stage.work(quick)
    await stage.assert_each_minted_once(mints)
    assert happened(stage, "signed") == 1


async def test_several_keys_share_the_work(stage: Stage) -> None:
    stage.signer = KeySigner(keys=3)
    stage.batch = 2
    mints = await stage.orders(18)
    senders = [Sender(stage.chain.chain_id, address) for address in stage.signer.addresses]
    workers = [stage.worker(sender=sender) for sender in senders]
    for _ in range(12):
        await asyncio.gather(*(worker.work_once() for worker in workers))
        stage.node.mine()
    assert await stage.states(mints) == {"final": 18}
    assert stage.node.tokens == {mint.order.token_id: RECIPIENT for mint in mints}
    used = {mined.transaction.sender for block in stage.node.blocks for mined in block.mined}
    assert used == {account(index).address for index in range(3)}


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(days=400)])
async def test_clocks_that_disagree_harm_nothing(stage: Stage, skew: timedelta) -> None:
    """Another machine goes on whose clock is far off, also from the chain's own."""
    mints = await stage.orders(3)
    await stage.worker().work_once()
    await stage.expire_lease()
    assert stage.now is not None
    stage.now += skew
    await stage.work(stage.worker())
    await stage.assert_each_minted_once(mints)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_call_to_the_outside_it_finishes_and_doubles_nothing(
    folder: Path, when: Literal["before", "after"]
) -> None:
    await (await open_database(f"sqlite+aiosqlite:///{folder}/empty.db")).dispose()
    at, blown = 0, True
    while blown:
        copy = shutil.copy(folder / "empty.db", folder / f"{at}.db")
        engine = await open_database(f"sqlite+aiosqlite:///{copy}")
        stage = Stage(engine, node=StrictNode(final_depth=1), batch=2)
        mints = await stage.orders(3)
        blown = await stage.killed(Fuse(at, when), passes=4)
        await stage.work(stage.worker(), 6)
        await stage.assert_each_minted_once(mints)
        await engine.dispose()
        at += 1
    assert at > 40


async def test_killed_again_and_again_it_still_finishes(stage: Stage) -> None:
    """Also with reorganisations and a forgetful node in between."""
    stage.node.final_depth = 6
    stage.batch = 4
    mints = await stage.orders(30)
    for at in range(60):
        await stage.killed(Fuse(at % 23, "before" if at % 2 else "after"), passes=2)
        if at % 7 == 0:
            stage.node.reorganise(1 + at % 4)
        if at % 11 == 0:
            stage.node.forget()
    await stage.work(stage.worker(), 40)
    await stage.assert_each_minted_once(mints)


async def test_every_problem_has_its_alert(stage: Stage) -> None:
    told: list[str] = []

    class Listening(type(stage.recorder)):  # type: ignore[misc]
        def gauge(self, metric: str, value: float, tags: dict[str, str]) -> None:
            told.append(tags["problem"])

    stage.recorder = Listening()
    await stage.worker().work_once()
    assert sorted(told) == sorted(PROBLEMS)


async def test_a_killed_worker_leaves_its_lease_to_run_out(stage: Stage) -> None:
    await stage.orders(1)
    with pytest.raises(Killed):
        await stage.worker(Fuse(3)).work_once()
    assert not await stage.worker().work_once()
    assert isinstance(stage.node, StrictNode)
    assert stage.node.sent == 0
