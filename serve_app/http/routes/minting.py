"""Minting assets."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from serve_app.http.dependencies import ContextDep, ServicesDep, ViewerDep
from serve_app.http.routes.assets import AssetId
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.minting import MintBody, MintRequest, VoucherBody, VoucherRequest

router = APIRouter(tags=["minting"])
MintId = Annotated[str, Path(max_length=64, examples=["mnt_0123456789abcdef01234567"])]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[ -~]+$",
        description="chosen by the caller: the same key never orders two different mints",
    ),
]
_LOCATION = {"Location": {"description": "where the mint's state is", "schema": {"type": "string"}}}
_ORDERED: dict[int | str, dict[str, Any]] = {
    **documented(400, 404, 409, 410, 415, 503),
    202: {"headers": _LOCATION, "description": "It is ordered, and goes on after the answer."},
}
_ORDERED[409] = {
    **_ORDERED[409],
    "description": "The asset has another recipient's token, or the idempotency key another order.",
}
_SIGNED = documented(400, 404, 409, 410, 415, 503)
_SIGNED[409] = {**_SIGNED[409], "description": "The asset is minted, or being minted."}


@router.post("/v1/assets/{asset_id}/mint", status_code=202, responses=_ORDERED, response_model_exclude_none=True)
async def mint_asset(
    *,
    asset_id: AssetId,
    body: MintRequest,
    services: ServicesDep,
    viewer: ViewerDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MintBody:
    """Order the asset's token; the asset is published first if it was not. Asking again for the same is harmless."""
    standing = await services.minting.request(
        asset_id,
        viewer,
        recipient=body.recipient,
        creator=body.creator,
        royalty_bps=body.royalty_bps,
        idempotency_key=idempotency_key or "",
    )
    response.headers["location"] = f"/v1/mints/{standing.mint.id}"
    return MintBody.of(standing)


@router.get("/v1/mints/{mint_id}", responses=documented(400, 404, 503), response_model_exclude_none=True)
async def get_mint(mint_id: MintId, services: ServicesDep, viewer: ViewerDep) -> MintBody:
    """Where a mint stands."""
    return MintBody.of(await services.minting.state(mint_id, viewer))


@router.post("/v1/assets/{asset_id}/voucher", responses=_SIGNED)
async def sign_voucher(
    *, asset_id: AssetId, body: VoucherRequest, services: ServicesDep, viewer: ViewerDep, context: ContextDep
) -> VoucherBody:
    """Sign a mint that the creator's own wallet sends and pays for. The asset is published first if it was not."""
    voucher = await services.vouchers.issue(
        asset_id,
        viewer,
        creator=body.creator,
        recipient=body.recipient,
        royalty_bps=body.royalty_bps,
        price=int(body.price_wei),
        valid_for_s=body.valid_for_s,
        deadline=context.deadline,
    )
    return VoucherBody.of(voucher)
