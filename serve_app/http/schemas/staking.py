"""The body of a wallet's stake."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.staking import GTX_DECIMALS, StakingState, StakingTier


class AmountBody(BaseModel):
    """An amount of GTX, twice, and exact both times."""

    units: str = Field(description="of 1e-18 GTX, as a decimal number", examples=["12000000000000000000000"])
    gtx: str = Field(description="in GTX", examples=["12000"])

    @classmethod
    def of(cls, units: int) -> Self:
        """An amount as a body."""
        return cls(units=str(units), gtx=in_gtx(units))


class TierBody(BaseModel):
    """One tier."""

    name: str
    min_stake: AmountBody
    discount_bps: int
    features: list[str] = Field(description="that it adds to those of the tiers below")

    @classmethod
    def of(cls, tier: StakingTier) -> Self:
        """A tier as a body."""
        return cls(
            name=tier.name,
            min_stake=AmountBody.of(tier.min_stake),
            discount_bps=tier.discount_bps,
            features=list(tier.features),
        )


class StakingBody(BaseModel):
    """What a wallet has locked, and what it is good for."""

    object: Literal["staking"] = "staking"
    wallet: str
    chain_id: int
    staked: AmountBody = Field(description="earns rewards")
    locked: AmountBody = Field(description="cannot be sent: staked and cooling together")
    cooling: AmountBody = Field(description="waits for the end of its cool-down")
    releases_at: datetime | None = Field(None, description="when what is cooling comes free")
    active: AmountBody = Field(description="staked for the whole activation delay: what the tier comes from")
    rewards: AmountBody = Field(description="can be claimed")
    tier: int = Field(description="from 1; 0 for none")
    tier_name: str | None = None
    discount_bps: int = Field(description="off the price of credits, in basis points")
    features: list[str] = Field(description="premium features that the wallet has")
    tiers: list[TierBody] = Field(description="all there are, the lowest first")
    cooldown_seconds: int
    activation_delay_seconds: int
    block_number: int = Field(description="of the final block that this was read at")
    at: datetime = Field(description="that block's time")

    @classmethod
    def of(cls, state: StakingState, chain_id: int) -> Self:
        """A wallet's stake as a body."""
        return cls(
            wallet=state.wallet,
            chain_id=chain_id,
            staked=AmountBody.of(state.staked),
            locked=AmountBody.of(state.locked),
            cooling=AmountBody.of(state.cooling),
            releases_at=state.releases_at,
            active=AmountBody.of(state.active),
            rewards=AmountBody.of(state.rewards),
            tier=state.tier,
            tier_name=state.tier_name or None,
            discount_bps=state.discount_bps,
            features=list(state.features),
            tiers=[TierBody.of(tier) for tier in state.tiers],
            cooldown_seconds=state.cooldown_s,
            activation_delay_seconds=state.activation_delay_s,
            block_number=state.block_number,
            at=state.at,
        )


def in_gtx(units: int) -> str:
    """Exact, without an exponent and without zeros at the end."""
    whole, fraction = divmod(units, 10**GTX_DECIMALS)
    decimals = f"{fraction:0{GTX_DECIMALS}d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)
