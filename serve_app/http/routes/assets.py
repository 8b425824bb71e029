"""Stored pictures."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from configs.settings import Settings
from serve_app.http.dependencies import ContextDep, ServicesDep, ViewerDep
from serve_app.http.schemas.assets import AssetBody, AssetFilters, AssetListBody, DeletedAssetBody
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.verification import VerificationBody

router = APIRouter(tags=["assets"])
AssetId = Annotated[str, Path(max_length=64, examples=["ast_0123456789abcdef01234567"])]


@router.get("/v1/assets", responses=documented(400, 503), response_model_exclude_none=True)
async def list_assets(
    filters: Annotated[AssetFilters, Query()], request: Request, services: ServicesDep
) -> AssetListBody:
    """Stored pictures, newest first: the public ones and the caller's own."""
    page = await services.assets.list(filters.query())
    return AssetListBody(
        data=[AssetBody.of(asset, content_url(request, asset.id)) for asset in page.assets],
        has_more=page.next != "",
        first_id=page.assets[0].id if page.assets else None,
        last_id=page.assets[-1].id if page.assets else None,
        next=page.next or None,
    )


@router.get("/v1/assets/{asset_id}", responses=documented(400, 404, 410, 503), response_model_exclude_none=True)
async def get_asset(asset_id: AssetId, request: Request, services: ServicesDep, viewer: ViewerDep) -> AssetBody:
    """A stored picture's provenance and address."""
    asset = await services.assets.get(asset_id, viewer)
    return AssetBody.of(asset, content_url(request, asset.id))


@router.delete("/v1/assets/{asset_id}", responses=documented(400, 404, 410, 503))
async def delete_asset(asset_id: AssetId, services: ServicesDep, viewer: ViewerDep) -> DeletedAssetBody:
    """Delete a picture of one's own. Its id is never given again and answers 410; its pins are withdrawn."""
    await services.assets.delete(asset_id, viewer)
    return DeletedAssetBody(id=asset_id)


@router.get(
    "/v1/assets/{asset_id}/content",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/webp": {}}, "description": "The picture."},
        304: {"description": "The caller's copy is still right."},
        **documented(400, 404, 410, 503),
    },
)
async def get_asset_content(asset_id: AssetId, request: Request, services: ServicesDep, viewer: ViewerDep) -> Response:
    """A stored picture's bytes. They never change, so they may be kept for ever."""
    asset = await services.assets.get(asset_id, viewer)
    headers = {
        "etag": f'"{asset.sha256}"',
        "cache-control": "private, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(await services.assets.content(asset), media_type=asset.media_type, headers=headers)


@router.post("/v1/assets/{asset_id}/verify", responses=documented(400, 404, 409, 410, 415, 429, 503, 504))
async def verify_asset(
    asset_id: AssetId, services: ServicesDep, context: ContextDep, viewer: ViewerDep
) -> VerificationBody:
    """Run the asset's spec again, with the very same weights, and compare. Nothing is cached or stored of it."""
    return VerificationBody.of(await services.verification.verify(asset_id, replace(context, tenant=viewer)))


def content_url(request: Request, asset_id: str) -> str:
    """The absolute address of an asset's bytes."""
    settings: Settings = request.app.state.settings
    base = settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/v1/assets/{asset_id}/content"
