"""Stakes in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from gitex.errors import InvalidInput
from gitex.staking import StakingState, StakingTier

WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
GTX = 10**18
STATE = StakingState(
    wallet=WALLET,
    staked=12_000 * GTX + 5,
    locked=12_500 * GTX + 5,
    cooling=500 * GTX,
    releases_at=datetime(2026, 11, 25, tzinfo=UTC),
    active=10_000 * GTX,
    rewards=GTX // 4,
    discount_bps=1000,
    tier=2,
    tiers=(
        StakingTier("bronze", 1000 * GTX, 500, ("priority",)),
        StakingTier("silver", 10_000 * GTX, 1000, ("large-pictures",)),
        StakingTier("gold", 100_000 * GTX, 2000, ("private-models",)),
    ),
    cooldown_s=60,
    activation_delay_s=120,
    block_number=99,
    at=datetime(2026, 11, 24, 12, tzinfo=UTC),
)


@dataclass
class MemoryStaking:
    """A `gitex.ports.StakingRegistry`."""

    states: dict[str, StakingState] = field(default_factory=lambda: {WALLET: STATE})
    error: Exception | None = None

    async def read(self, wallet: str) -> StakingState:
        if self.error is not None:
            raise self.error
        found = next((state for known, state in self.states.items() if known.lower() == wallet.lower()), None)
        if found is None:
            raise InvalidInput("the address has a wrong checksum: a digit may be mistyped", param="wallet")
        return found
