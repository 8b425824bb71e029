"""Staking: what a wallet has locked, and what it is good for."""

from dataclasses import dataclass
from datetime import datetime

GTX_DECIMALS = 18
"""Amounts are whole numbers of 1e-18 GTX."""


@dataclass(frozen=True)
class StakingTier:
    """What a staked amount is good for."""

    name: str
    min_stake: int
    """From this active stake on."""
    discount_bps: int
    """Off the price of generation credits, in basis points."""
    features: tuple[str, ...]
    """Premium features that this tier adds to those of the lower ones."""


@dataclass(frozen=True)
class StakingState:
    """One wallet, as of one block that stays. Amounts in 1e-18 GTX."""

    wallet: str
    """Checksummed."""
    staked: int
    """Earns rewards."""
    locked: int
    """What of the wallet's balance cannot be sent: staked and cooling together."""
    cooling: int
    """Waits for the end of its cool-down."""
    releases_at: datetime | None
    """From then on the cooling amount is free; None if nothing cools. Aware, UTC, as all moments here."""
    active: int
    """How much was staked without a break for the whole activation delay: what the tier comes from."""
    rewards: int
    """Can be claimed."""
    discount_bps: int
    tier: int
    """Its place in `tiers`, from 1; 0 for none."""
    tiers: tuple[StakingTier, ...]
    """All there are, the lowest first."""
    cooldown_s: int
    """Of requests made now, in seconds."""
    activation_delay_s: int
    """How long a stake must stand to count for tiers, in seconds."""
    block_number: int
    at: datetime
    """That block's time."""

    @property
    def tier_name(self) -> str:
        """Empty for a wallet without a tier."""
        return self.tiers[self.tier - 1].name if self.tier else ""

    @property
    def features(self) -> tuple[str, ...]:
        """Those of its tier and of all lower ones, each once."""
        return tuple(dict.fromkeys(name for tier in self.tiers[: self.tier] for name in tier.features))
