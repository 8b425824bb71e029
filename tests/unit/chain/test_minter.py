"""A minter over real rows and a strict node: its states, its batches, and what the contract refuses."""

import pytest

from gitex.errors import Conflict
from tests.fakes.minting_stage import OTHER, RECIPIENT, Stage


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
    assert stage.happened("signed") == 3


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
    assert stage.happened("reverted") == 1
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
