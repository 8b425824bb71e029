"""Reading what a wallet has staked: at one block that stays, kept for a moment, and never longer."""

import asyncio
import gc
from datetime import UTC, datetime
from typing import Any

import pytest

from chain.staking import StakingReader
from gitex.errors import InvalidInput, Unavailable
from gitex.staking import StakingTier
from tests.fakes.clock import StillClock
from tests.fakes.read_node import ReadNode

GTX = "0x00000000000000000000000000000000000000C0"
ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
READS = 7
"""Calls for one wallet."""


def _word(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


class Staked:
    """A chain with GTX on it from block 3 on, and what Alice has staked there."""

    def __init__(self, final_depth: int = 2) -> None:
        self.node = ReadNode(final_depth=final_depth)
        self.clock = StillClock()
        self.staked = 12_000 * 10**18
        self.cooling = 0
        self.release_at = 0
        self.tier = 2
        answers: dict[str, Any] = {
            "stakeOf": lambda of: {
                "staked": self._of(of),
                "cooling": self.cooling,
                "releaseAt": self.release_at,
                "rewards": 17,
            },
            "lockedOf": lambda of: self._of(of) + self.cooling,
            "activeStakeOf": lambda of: self._of(of) // 2,
            "discountOf": lambda of: 1000 if self._tier(of) else 0,
            "tierOf": self._tier,
            "tiers": lambda: (
                [
                    (_word("bronze"), 1000 * 10**18, 500, [_word("priority")]),
                    (_word("silver"), 10_000 * 10**18, 1000, [_word("priority"), _word("large")]),
                    (_word("gold"), 10**23, 2000, [_word("private")]),
                ],
            ),
            "stakingTimes": lambda: (60, 120),
        }
        self.node.contracts[GTX] = ("GTX", {name: self._from_block_3(answer) for name, answer in answers.items()})
        self.node.mine_empty(10)

    def reader(self, **options: Any) -> StakingReader:
        return StakingReader(self.node, GTX, self.clock, **options)

    @property
    def calls(self) -> int:
        return len(self.node.called_at)

    def _of(self, holder: str) -> int:
        return self.staked if holder == ALICE else 0

    def _tier(self, holder: str) -> int:
        return self.tier if holder == ALICE else 0

    def _from_block_3(self, answer: Any) -> Any:
        return lambda block, *args: answer(*args) if block >= 3 else b""


async def test_a_wallets_state_is_read_at_the_newest_final_block() -> None:
    chain = Staked()
    state = await chain.reader().read(ALICE.lower())
    assert (state.wallet, state.staked, state.locked, state.cooling) == (ALICE, 12_000 * 10**18, 12_000 * 10**18, 0)
    assert (state.active, state.rewards, state.releases_at) == (6_000 * 10**18, 17, None)
    assert (state.tier, state.tier_name, state.discount_bps) == (2, "silver", 1000)
    assert state.features == ("priority", "large")
    assert state.tiers[0] == StakingTier("bronze", 1000 * 10**18, 500, ("priority",))
    assert (state.cooldown_s, state.activation_delay_s) == (60, 120)
    final = chain.node.blocks[8].head
    assert (state.block_number, state.at) == (8, datetime.fromtimestamp(final.timestamp, UTC))
    assert {at for _, at in chain.node.called_at} == {8}


async def test_a_wallet_that_never_staked_has_nothing_and_no_tier() -> None:
    state = await Staked().reader().read(BOB)
    assert (state.staked, state.tier, state.tier_name, state.features, state.discount_bps) == (0, 0, "", (), 0)


async def test_a_cool_down_says_when_it_is_over() -> None:
    chain = Staked()
    chain.cooling, chain.release_at = 5, 1_700_000_500
    state = await chain.reader().read(ALICE)
    assert (state.cooling, state.locked) == (5, chain.staked + 5)
    assert state.releases_at == datetime.fromtimestamp(1_700_000_500, UTC)


async def test_what_was_read_is_told_again_until_its_time_is_over() -> None:
    chain = Staked()
    reader = chain.reader(ttl_s=5.0)
    await reader.read(ALICE)
    chain.staked = 1
    chain.clock.seconds = 4.9
    assert (await reader.read(ALICE)).staked == 12_000 * 10**18
    assert chain.calls == READS
    chain.clock.seconds = 5.0
    assert (await reader.read(ALICE)).staked == 1


async def test_a_slow_answer_is_not_kept_longer_than_from_when_it_was_asked_for() -> None:
    chain = Staked()
    reader = chain.reader(ttl_s=5.0)

    def slow(method: str) -> None:
        if method == "stakingTimes":
            chain.clock.seconds += 5

    chain.node.before = slow
    await reader.read(ALICE)
    await reader.read(ALICE)
    assert chain.calls == 2 * READS


async def test_a_failing_node_serves_nothing_that_is_too_old() -> None:
    chain = Staked()
    reader = chain.reader(ttl_s=5.0)
    await reader.read(ALICE)
    chain.node.down = Unavailable("the node is down")
    assert (await reader.read(ALICE)).tier == 2  # young enough
    chain.clock.seconds = 6
    for _ in range(2):
        with pytest.raises(Unavailable, match="is down"):
            await reader.read(ALICE)
    chain.node.down = None
    assert (await reader.read(ALICE)).tier == 2


async def test_many_who_ask_at_once_are_one_for_the_node_and_wallets_do_not_mix() -> None:
    chain = Staked()
    reader = chain.reader()
    states = await asyncio.gather(*(reader.read(wallet) for wallet in [ALICE, BOB, ALICE.lower(), ALICE] * 5))
    assert [state.wallet for state in states] == [ALICE, BOB, ALICE, ALICE] * 5
    assert chain.calls == 2 * READS


async def test_one_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    chain = Staked()
    reader = chain.reader()
    chain.node.down = Unavailable("the node is down")
    told = await asyncio.gather(*(reader.read(ALICE) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in told] == ["the node is down"] * 5
    assert chain.node.asked == ["finalized"]
    chain.node.down = None
    assert (await reader.read(ALICE)).tier == 2


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    chain = Staked()
    reader = chain.reader()
    first, second = (asyncio.create_task(reader.read(ALICE)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).tier == 2
    assert first.cancelled()
    assert chain.calls == READS


async def test_a_failure_after_everybody_went_away_is_no_ones() -> None:
    chain = Staked()
    reader = chain.reader()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    chain.node.down = Unavailable("the node is down")
    asking = asyncio.create_task(reader.read(ALICE))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    for _ in range(3):
        await asyncio.sleep(0)  # the read goes on and fails
    gc.collect()
    assert complaints == []
    assert chain.node.asked == ["finalized"]


async def test_closing_ends_what_is_under_way() -> None:
    chain = Staked()
    reader = chain.reader()
    asking = asyncio.create_task(reader.read(ALICE))
    await asyncio.sleep(0)
    await reader.close()
    await asyncio.wait([asking])
    assert asking.cancelled()


async def test_only_so_many_wallets_are_remembered_and_the_oldest_leave_first() -> None:
    chain = Staked()
    reader = chain.reader(max_wallets=2)
    first, second, third = (f"0x{number:040x}" for number in (0x111, 0x222, 0x333))
    for wallet in (first, second):
        await reader.read(wallet)
    chain.clock.seconds = 100
    await reader.read(first)  # now it is the younger one
    await reader.read(third)
    before = chain.calls
    for wallet in (first, third):
        await reader.read(wallet)
    assert chain.calls == before
    await reader.read(second)
    assert chain.calls == before + READS


async def test_a_contract_that_is_not_final_yet_is_told_as_that() -> None:
    chain = Staked(final_depth=8)  # block 2 is final, and GTX is there from block 3 on
    with pytest.raises(Unavailable, match=r"not final yet.*block 2"):
        await chain.reader().read(ALICE)
    chain.node.mine_empty(1)
    assert (await chain.reader().read(ALICE)).block_number == 3


@pytest.mark.parametrize("wallet", ["", "0x12", ALICE[:-1], ALICE.replace("9C8", "9c8"), "vitalik.eth", f"{ALICE}\n"])
async def test_what_is_no_address_is_refused_before_the_node_is_asked(wallet: str) -> None:
    chain = Staked()
    with pytest.raises(InvalidInput) as refused:
        await chain.reader().read(wallet)
    assert (refused.value.param, chain.node.asked) == ("wallet", [])


async def test_names_that_are_no_text_do_no_harm() -> None:
    chain = Staked()
    name, answers = chain.node.contracts[GTX]
    odd = [(b"\xff\xfe" + bytes(30), 1, 0, [])]
    chain.node.contracts[GTX] = (name, answers | {"tiers": lambda block: (odd,)})
    chain.tier = 1
    assert (await chain.reader().read(ALICE)).tier_name == "\ufffd\ufffd"
