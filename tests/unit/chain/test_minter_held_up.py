"""What holds a minter up: fees, caps, an empty purse, nodes and signers that refuse or are gone."""

from datetime import timedelta

import pytest

from chain.fees import FeePolicy
from chain.minting_desk import PROBLEMS
from gitex.errors import Unavailable
from tests.fakes.minting_stage import Stage
from tests.fakes.strict_node import GAS


async def test_fees_are_raised_until_it_is_mined_and_the_node_takes_each_replacement(stage: Stage) -> None:
    mints, minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    stage.node.base_fee *= 4  # now it waits
    for _ in range(20):
        assert stage.now is not None
        stage.now += timedelta(seconds=5)
        await stage.work(minter, 1)
    await stage.work(minter)
    assert stage.happened("replaced") >= 1
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
    assert await stage.states(await stage.orders(6)) == {"broadcast": 3, "reserved": 3}


async def test_an_empty_purse_waits_and_goes_on_when_it_is_filled(stage: Stage) -> None:
    stage.node.purse = 5
    (mint,), minter = await stage.orders(1), stage.worker()
    await minter.work_once()
    waiting = await stage.mints.get(mint.id)
    assert waiting.state == "reserved"
    assert "lacks" in waiting.reason
    assert "funds" in minter.problems
    assert [told.problem for told in stage.alerts() if told.value] == ["funds"]
    stage.node.purse = 10**24
    await stage.make_due()
    await stage.work(minter)
    await stage.assert_each_minted_once([mint])
    assert not minter.problems
    assert not any(told.value for told in stage.alerts())


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


async def test_every_problem_has_its_alert(stage: Stage) -> None:
    await stage.worker().work_once()
    assert sorted(told.problem for told in stage.alerts()) == sorted(PROBLEMS)
