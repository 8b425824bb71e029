"""Several minters, and minters that are killed."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from gitex.minting import Sender
from storage.database import open_database
from tests.fakes.faults import Fuse, Killed
from tests.fakes.key_signer import KeySigner, account
from tests.fakes.minting_stage import RECIPIENT, Stage
from tests.fakes.strict_node import StrictNode


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
    assert stage.happened("signed") == 1


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


async def test_a_killed_worker_leaves_its_lease_to_run_out(stage: Stage) -> None:
    await stage.orders(1)
    with pytest.raises(Killed):
        await stage.worker(Fuse(3)).work_once()
    assert not await stage.worker().work_once()
    assert stage.node.sent == 0
