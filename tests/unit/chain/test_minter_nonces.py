"""A minter and a chain that takes blocks back, forgets, lies about nonces, or has strangers on it."""

from dataclasses import replace

import pytest

from tests.fakes.minting_stage import OTHER, RECIPIENT, Stage


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
    assert stage.happened("resent") == 1


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
    assert stage.happened("filler") == 4
    await stage.assert_each_minted_once(mints)


async def test_a_nonce_that_was_given_up_because_of_a_lie_is_filled(stage: Stage) -> None:
    """The property of `test_minter_on_any_day` found it: the row of the lost transaction stood in the way."""
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    stage.node.forget()
    stage.node.nonce_lie = 2
    await stage.work(minter, 2)
    assert stage.happened("lost") == 1
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
    assert stage.happened("lost") == 1
    await stage.assert_each_minted_once(mints)
