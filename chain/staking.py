"""Reads what wallets have staked from the chain."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chain.address import checksummed
from chain.contract import Contract
from chain.node import Call, Head, Node
from gitex.errors import Unavailable
from gitex.ports import Clock
from gitex.staking import StakingState, StakingTier

TTL_SECONDS = 5.0
MAX_WALLETS = 4096


@dataclass(frozen=True)
class _Kept:
    state: StakingState
    expires: float


class StakingReader:
    """Implements `gitex.ports.StakingRegistry` on one `GTX`, at the newest block that stays.

    What was read is told again for `ttl_s` seconds, and never longer; of many who ask for one wallet at once, one asks
    the node. Belongs to one event loop.
    """

    def __init__(
        self,
        node: Node,
        gtx_address: str,
        clock: Clock,
        *,
        ttl_s: float = TTL_SECONDS,
        max_wallets: int = MAX_WALLETS,
    ) -> None:
        """`max_wallets`: how many are remembered; those that were read the longest ago are forgotten first."""
        self._node = node
        self._gtx = Contract("GTX", gtx_address)
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_wallets = max_wallets
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._flights: dict[str, asyncio.Task[StakingState]] = {}

    async def read(self, wallet: str) -> StakingState:
        """What the wallet has staked, and what it is good for; all zeros for one that never staked.

        Raises `InvalidInput` for what is no address; `Unavailable`, also while the contract itself is not final yet.
        """
        address = checksummed(wallet, param="wallet")
        kept = self._kept.get(address)
        if kept is not None and self._clock.now() < kept.expires:
            return kept.state
        flight = self._flights.get(address)
        if flight is None:
            flight = self._flights[address] = asyncio.create_task(self._fly(address))
        # One who goes away does not take the answer from the others. The node's time limits end the flight.
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """End what is under way; those who wait for it are cancelled."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    async def _fly(self, address: str) -> StakingState:
        try:
            # From before the first question on, so that an answer is never older than it says.
            expires = self._clock.now() + self._ttl_s
            state = await self._read(address)
        finally:
            del self._flights[address]
        self._kept[address] = _Kept(state, expires)
        self._kept.move_to_end(address)
        while len(self._kept) > self._max_wallets:
            self._kept.popitem(last=False)
        return state

    async def _read(self, address: str) -> StakingState:
        block = await self._node.finalized()
        # First and alone: it tells whether the contract is there at all.
        (stake,) = await self._ask("stakeOf", block, address)
        locked, active, discount, tier, tiers, times = await asyncio.gather(
            self._ask("lockedOf", block, address),
            self._ask("activeStakeOf", block, address),
            self._ask("discountOf", block, address),
            self._ask("tierOf", block, address),
            self._ask("tiers", block),
            self._ask("stakingTimes", block),
        )
        cooldown, activation_delay = times
        return StakingState(
            wallet=address,
            staked=stake["staked"],
            locked=locked[0],
            cooling=stake["cooling"],
            releases_at=_moment(stake["releaseAt"]) if stake["releaseAt"] else None,
            active=active[0],
            rewards=stake["rewards"],
            discount_bps=discount[0],
            tier=tier[0],
            tiers=tuple(_tier(fields) for fields in tiers[0]),
            cooldown_s=cooldown,
            activation_delay_s=activation_delay,
            block_number=block.number,
            at=_moment(block.timestamp),
        )

    async def _ask(self, function: str, block: Head, *args: object) -> tuple[Any, ...]:
        call = Call(self._gtx.address, self._gtx.encode(function, *args))
        answer = await self._node.call(call, block=block.number)
        if not answer:
            raise Unavailable(
                f"GTX at {self._gtx.address} is not final yet: it is not there at block {block.number}, the newest that"
                " stays"
            )
        return self._gtx.decode(function, answer)


def _tier(fields: Mapping[str, Any]) -> StakingTier:
    return StakingTier(
        name=_text(fields["name"]),
        min_stake=fields["minStake"],
        discount_bps=fields["discountBps"],
        features=tuple(_text(feature) for feature in fields["features"]),
    )


def _text(word: bytes) -> str:
    """Left-aligned ASCII; governance may have written anything."""
    return word.rstrip(b"\0").decode("ascii", errors="replace")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
