"""The calls for pictures: parse, generate, shape the answer."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from configs.settings import Settings
from gitex.errors import InvalidInput
from gitex.ports import ImageModel, RunContext
from gitex.variants import ImageLimits
from serve_app.http import sse
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.image_answers import PictureRun, form_of
from serve_app.http.schemas.edits import EditForm, FromPicture, VariationForm
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.image_fields import ImageFields
from serve_app.http.schemas.images import ImageRequest, ImageResponse
from serve_app.http.services import Services
from serve_app.services.pictures import Uploads

router = APIRouter(tags=["images"])
FORMS = ("/v1/images/edits", "/v1/images/variations")
"""The calls whose bodies are forms with files, not JSON."""
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"image/png": {}, "image/webp": {}, sse.MEDIA_TYPE: {"schema": sse.EVENT_SCHEMA}},
        "description": "Pictures; a bare one with `Accept: image/png`; events with `stream`.",
    },
    **documented(400, 404, 415, 429, 503, 504, 507),
}
_MULTIPART = Form(media_type="multipart/form-data")


@router.post(
    "/v1/images/generations", response_model=ImageResponse, response_model_exclude_none=True, responses=ANSWERS
)
async def generate_images(
    body: ImageRequest, request: Request, services: ServicesDep, settings: SettingsDep, context: ContextDep
) -> ImageResponse | Response:
    """Make pictures of a prompt, as OpenAI's call of that name does.

    `Accept: image/png` answers the bare picture with its provenance in `x-gitex-provenance`.
    `Cache-Control: no-cache` makes it anew.
    """
    run = run_of(body, request, services, settings, context)
    return await run.answer(services.generation, request, body)


def run_of(
    body: ImageRequest, request: Request, services: Services, settings: Settings, context: RunContext
) -> PictureRun:
    """What a request for pictures of a prompt comes down to. Raises `InvalidInput`, `ModelNotFound`."""
    model = services.models.image(body.model)
    specs = body.specs(model.info, settings)
    return PictureRun(model, specs, _context(context, body), form_of(request, body))


@router.post("/v1/images/edits", response_model=ImageResponse, response_model_exclude_none=True, responses=ANSWERS)
async def edit_image(
    body: Annotated[EditForm, _MULTIPART],
    request: Request,
    services: ServicesDep,
    settings: SettingsDep,
    context: ContextDep,
) -> ImageResponse | Response:
    """Change a picture as a prompt says, as OpenAI's call of that name does; with a mask, a part of it.

    Answers as `/v1/images/generations` does.
    """
    run = await _from_picture(body, request, services, settings, context)
    return await run.answer(services.generation, request, body)


@router.post("/v1/images/variations", response_model=ImageResponse, response_model_exclude_none=True, responses=ANSWERS)
async def vary_image(
    body: Annotated[VariationForm, _MULTIPART],
    request: Request,
    services: ServicesDep,
    settings: SettingsDep,
    context: ContextDep,
) -> ImageResponse | Response:
    """Make other pictures like one, as OpenAI's call of that name does.

    Answers as `/v1/images/generations` does.
    """
    run = await _from_picture(body, request, services, settings, context)
    return await run.answer(services.generation, request, body)


async def _from_picture(
    body: FromPicture, request: Request, services: ServicesDep, settings: SettingsDep, context: RunContext
) -> PictureRun:
    """Everything that is cheap to refuse is refused before a picture is decoded."""
    model = services.models.image(body.model)
    limits = _limits(model)
    chosen, form = body.chosen(model.info, limits, settings), form_of(request, body)
    mask = body.mask if isinstance(body, EditForm) else None
    uploads = Uploads(
        image=await body.image[0].read(),
        mask=None if mask is None else await mask.read(),
        style=None if body.style_image is None else await body.style_image.read(),
    )
    pictures = await services.pictures.take(uploads, body.sides(limits), limits)
    return PictureRun(
        model,
        body.specs(model.info, chosen, pictures),
        replace(_context(context, body), pictures=pictures.contents, uploaded=pictures.uploaded),
        form,
        events_named="image_edit",
    )


def _limits(model: ImageModel) -> ImageLimits:
    limits = model.info.image
    if limits is None:
        raise InvalidInput(f"model: {model.info.variant.id} does not make pictures", param="model")
    return limits


def _context(context: RunContext, body: ImageFields) -> RunContext:
    return replace(
        context,
        tenant=body.user or "anonymous",
        previews=body.partial_images if body.stream else 0,
        priority=body.priority,
    )
