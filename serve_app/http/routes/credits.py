"""Generation credits."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from serve_app.http.dependencies import ServicesDep
from serve_app.http.schemas.credits import CreditsBody
from serve_app.http.schemas.errors import documented

router = APIRouter(tags=["credits"])
Account = Annotated[
    str,
    Path(
        pattern="^0x[0-9a-fA-F]{64}$",
        description="the reference that is paid for: 32 bytes",
        examples=["0x" + "0" * 63 + "1"],
    ),
]


@router.get("/v1/credits/{account}", responses=documented(400, 503), response_model_exclude_none=True)
async def get_credits(
    account: Account, services: ServicesDep, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> CreditsBody:
    """An account's balance and its newest entries. Deposits count as soon as their block stays."""
    known = account.lower()
    ledger = services.credits
    return CreditsBody.of(known, await ledger.balance(known), await ledger.entries(known, limit))
