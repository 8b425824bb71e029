"""Publishing assets on IPFS."""

from fastapi import APIRouter

from serve_app.http.dependencies import ServicesDep, ViewerDep
from serve_app.http.routes.assets import AssetId
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.publishing import PublicationBody

router = APIRouter(tags=["publishing"])


@router.post(
    "/v1/assets/{asset_id}/publish",
    status_code=202,
    responses=documented(400, 404, 410, 503),
    response_model_exclude_none=True,
)
async def publish_asset(asset_id: AssetId, services: ServicesDep, viewer: ViewerDep) -> PublicationBody:
    """Pin the picture and its metadata document at every target. Goes on after the answer; asking again is harmless."""
    publishing = services.publishing
    return PublicationBody.of(await publishing.request(asset_id, viewer), publishing.quorum)


@router.get("/v1/assets/{asset_id}/pins", responses=documented(400, 404, 410, 503), response_model_exclude_none=True)
async def get_pins(asset_id: AssetId, services: ServicesDep, viewer: ViewerDep) -> PublicationBody:
    """What each target says of the asset's picture and metadata document."""
    publishing = services.publishing
    return PublicationBody.of(await publishing.state(asset_id, viewer), publishing.quorum)
