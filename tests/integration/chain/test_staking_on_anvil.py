"""Stakes of the real contract, read at a block that stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.staking import StakingReader
from configs.chains import load_chain
from gitex.errors import Unavailable
from tests.fakes.clock import StillClock
from tests.integration.chain.anvil_process import Anvil
from tests.integration.chain.deployed import Deployed, deploy
from tests.integration.chain.wallets import Street, street

GTX = 10**18


def _reader(town: Street) -> StakingReader:
    return StakingReader(town.node, town.deployed.addresses.gtx, StillClock())


async def test_a_stake_counts_when_it_is_final_and_its_tier_when_it_was_long_enough(town: Street) -> None:
    holder = town.wallet(1)
    await town.finish()
    empty = await _reader(town).read(holder.address)
    assert (empty.staked, empty.tier, empty.discount_bps, empty.features) == (0, 0, 0, ())
    await town.wallet(0).call(town.gtx, "transfer", holder.address, 30_000 * GTX)
    await holder.call(town.gtx, "stake", 12_000 * GTX)
    assert (await _reader(town).read(holder.address)).staked == 0  # not final yet
    await town.finish()
    young = await _reader(town).read(holder.address)
    assert (young.staked, young.locked, young.active, young.tier) == (12_000 * GTX, 12_000 * GTX, 0, 0)
    terms = town.deployed.chain.deployment
    assert (young.cooldown_s, young.activation_delay_s) == (terms.cooldown, terms.activation_delay)
    await town.pass_time(terms.activation_delay + 1)
    old = await _reader(town).read(holder.address)
    assert (old.active, old.tier, old.tier_name, old.discount_bps) == (12_000 * GTX, 2, "silver", 1000)
    assert old.features == ("priority", "large-pictures")
    assert [tier.name for tier in old.tiers] == [tier.name for tier in terms.tiers]
    finalized = await town.node.finalized()
    assert (old.block_number, int(old.at.timestamp())) == (finalized.number, finalized.timestamp)


async def test_a_cool_down_is_told_with_its_end_and_takes_the_tier_away(town: Street) -> None:
    holder, terms = town.wallet(2), town.deployed.chain.deployment
    await town.wallet(0).call(town.gtx, "transfer", holder.address, 5_000 * GTX)
    await holder.call(town.gtx, "stake", 5_000 * GTX)
    await town.pass_time(terms.activation_delay + 1)
    assert (await _reader(town).read(holder.address)).tier_name == "bronze"
    asked = await holder.call(town.gtx, "requestUnstake", 4_500 * GTX)
    await town.finish()
    cooling = await _reader(town).read(holder.address)
    assert (cooling.staked, cooling.cooling, cooling.locked) == (500 * GTX, 4_500 * GTX, 5_000 * GTX)
    assert (cooling.tier, cooling.features) == (0, ())
    block = await town.rpc("eth_getBlockByNumber", hex(asked.block_number), False)
    assert cooling.releases_at is not None
    assert int(cooling.releases_at.timestamp()) == int(block["timestamp"], 16) + terms.cooldown
    await town.pass_time(terms.cooldown + 1)
    await holder.call(town.gtx, "unstake")
    await town.finish()
    free = await _reader(town).read(holder.address)
    assert (free.cooling, free.locked, free.releases_at) == (0, 500 * GTX, None)


async def test_rewards_are_told(town: Street) -> None:
    holder = town.wallet(3)
    await town.wallet(0).call(town.gtx, "transfer", holder.address, 1_000 * GTX)
    await holder.call(town.gtx, "stake", 1_000 * GTX)
    await town.wallet(0).call(town.gtx, "fundRewards", 700 * GTX)
    await town.pass_time(24 * 3600)
    assert (await _reader(town).read(holder.address)).rewards > 0


@pytest.fixture
def young_site(tmp_path: Path) -> Iterator[Deployed]:
    """Blocks are final after 64 others, and there are not so many."""
    with Anvil(tmp_path) as anvil:
        yield deploy(anvil, load_chain("local"), tmp_path / "addresses")


async def test_a_chain_whose_final_block_is_older_than_the_contract_says_so(young_site: Deployed) -> None:
    async with street(young_site) as young:
        with pytest.raises(Unavailable, match="not final yet"):
            await _reader(young).read(young.wallet(1).address)
