"""Stored pictures."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from configs.settings import Settings
from serve_app.http.dependencies import ContextDep, ServicesDep
from serve_app.http.schemas.assets import AssetBody
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.verification import VerificationBody

router = APIRouter(tags=["assets"])
AssetId = Annotated[str, Path(max_length=64, examples=["ast_0123456789abcdef01234567"])]


@router.get("/v1/assets/{asset_id}", responses=documented(400, 404, 503), response_model_exclude_none=True)
async def get_asset(asset_id: AssetId, request: Request, services: ServicesDep) -> AssetBody:
    """A stored picture's provenance and address."""
    asset = await services.assets.get(asset_id)
    return AssetBody.of(asset, content_url(request, asset.id))


@router.get(
    "/v1/assets/{asset_id}/content",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/webp": {}}, "description": "The picture."},
        304: {"description": "The caller's copy is still right."},
        **documented(400, 404, 503),
    },
)
async def get_asset_content(asset_id: AssetId, request: Request, services: ServicesDep) -> Response:
    """A stored picture's bytes. They never change, so they may be kept for ever."""
    asset = await services.assets.get(asset_id)
    headers = {
        "etag": f'"{asset.sha256}"',
        "cache-control": "private, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(await services.assets.content(asset), media_type=asset.media_type, headers=headers)


@router.post("/v1/assets/{asset_id}/verify", responses=documented(400, 404, 409, 415, 429, 503, 504))
async def verify_asset(asset_id: AssetId, services: ServicesDep, context: ContextDep) -> VerificationBody:
    """Run the asset's spec again, with the very same weights, and compare. Nothing is cached or stored of it."""
    return VerificationBody.of(await services.verification.verify(asset_id, context))


def content_url(request: Request, asset_id: str) -> str:
    """The absolute address of an asset's bytes."""
    settings: Settings = request.app.state.settings
    base = settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/v1/assets/{asset_id}/content"
