"""What wallets have staked."""

from typing import Annotated

from fastapi import APIRouter, Path

from serve_app.http.dependencies import ServicesDep
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.staking import StakingBody

router = APIRouter(tags=["staking"])
Wallet = Annotated[
    str,
    Path(
        pattern="^0x[0-9a-fA-F]{40}$",
        description="with its checksum (EIP-55), or all in small letters",
        examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
    ),
]


@router.get("/v1/staking/{wallet}", responses=documented(400, 503), response_model_exclude_none=True)
async def get_staking(wallet: Wallet, services: ServicesDep) -> StakingBody:
    """A wallet's stake, tier, discount and features, as of a block that stays; may be some seconds old."""
    staking = services.staking
    return StakingBody.of(await staking.state(wallet), staking.chain.chain_id)
