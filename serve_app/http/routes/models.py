"""`/v1/models`."""

from typing import Annotated

from fastapi import APIRouter, Path

from gitex.errors import ModelNotFound
from serve_app.http.dependencies import ServicesDep
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.models import ModelBody, ModelList

router = APIRouter(tags=["models"])


@router.get("/v1/models", responses=documented(), response_model_exclude_none=True)
async def list_models(services: ServicesDep) -> ModelList:
    """All served models."""
    return ModelList(data=[ModelBody.of(info) for info in services.models.infos()])


@router.get("/v1/models/{model}", responses=documented(400, 404), response_model_exclude_none=True)
async def get_model(model: Annotated[str, Path(max_length=200)], services: ServicesDep) -> ModelBody:
    """One served model, by `name` or `name@version`."""
    for info in services.models.infos():
        if model in (info.variant.name, info.variant.id):
            return ModelBody.of(info)
    raise ModelNotFound(f"model {model!r} is not served", param="model")
