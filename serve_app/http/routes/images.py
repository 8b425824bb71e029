"""`POST /v1/images/generations`: parse, generate, shape the answer."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gitex.errors import EngineFailure, InvalidInput
from gitex.events import Queued, Step
from gitex.ports import ImageModel, RunContext
from gitex.specs import ImageSpec
from serve_app.http import sse
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.routes.assets import content_url
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.images import ImageData, ImageRequest, ImageResponse
from serve_app.http.schemas.provenance import Provenance
from serve_app.http.services import Services
from serve_app.services.deadline import until
from serve_app.services.generation import Generated, GenerationEvent

router = APIRouter(tags=["images"])
_OTHER_FORMS = {"image/png": {}, sse.MEDIA_TYPE: {"schema": sse.EVENT_SCHEMA}}


@router.post(
    "/v1/images/generations",
    response_model=ImageResponse,
    response_model_exclude_none=True,
    responses={
        200: {
            "content": _OTHER_FORMS,
            "description": "Pictures; a bare PNG with `Accept: image/png`; events with `stream`.",
        },
        **documented(400, 404, 415, 429, 503, 504),
    },
)
async def generate_images(
    body: ImageRequest, request: Request, services: ServicesDep, settings: SettingsDep, context: ContextDep
) -> ImageResponse | Response:
    """Make pictures of a prompt, as OpenAI's call of that name does.

    `Accept: image/png` answers the bare picture with its provenance in `x-gitex-provenance`.
    `Cache-Control: no-cache` makes it anew.
    """
    model = services.models.image(body.model)
    specs = body.specs(model.info, settings)
    wants_png = _prefers_png(request.headers.get("accept", ""))
    if wants_png and (body.n > 1 or body.stream):
        raise InvalidInput("n: Accept: image/png answers one picture, unstreamed", param="n")
    context = replace(context, tenant=body.user or "anonymous", previews=body.partial_images if body.stream else 0)
    size = f"{specs[0].width}x{specs[0].height}"
    read_cache = "no-cache" not in request.headers.get("cache-control", "").lower()
    if body.stream:
        events = _events(services, model, specs[0], context, read_cache)
        return await sse.answer(_image_frames(events, size, progress=body.progress), names_errors=True)
    pictures = await _all_finished([_events(services, model, spec, context, read_cache) for spec in specs])
    if wants_png:
        return _bare_png(pictures[0])
    return ImageResponse(
        created=int(time.time()),
        size=size,
        data=[_image_data(picture, body, request) for picture in pictures],
    )


def _events(
    services: Services, model: ImageModel, spec: ImageSpec, context: RunContext, read_cache: bool
) -> AsyncGenerator[GenerationEvent, None]:
    events = services.generation.run(model, spec, context, read_cache=read_cache)
    return events if context.deadline is None else until(context.deadline, events)


async def _all_finished(runs: list[AsyncGenerator[GenerationEvent, None]]) -> list[Generated]:
    """Run all at once; the first failure cancels the others."""
    tasks = [asyncio.create_task(_finished(run)) for run in runs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _finished(run: AsyncGenerator[GenerationEvent, None]) -> Generated:
    async with aclosing(run):
        async for event in run:
            if isinstance(event, Generated):
                return event
    raise EngineFailure("the run ended without a picture")


async def _image_frames(
    events: AsyncGenerator[GenerationEvent, None], size: str, *, progress: bool
) -> AsyncGenerator[str, None]:
    """OpenAI's image stream: previews, then the picture; with `progress`, every step in between."""
    previews = 0
    async with aclosing(events):
        async for event in events:
            match event:
                case Queued(ahead=ahead):
                    if progress:
                        yield _progress({"stage": "queued", "ahead": ahead})
                case Step(index=index, total=total, preview=preview):
                    if progress:
                        yield _progress({"stage": "denoising", "step": index, "total": total})
                    if preview is not None:
                        yield _picture("partial_image", preview, size, {"partial_image_index": previews})
                        previews += 1
                case Generated():
                    provenance = Provenance.of_generated(event).model_dump(exclude_none=True)
                    yield _picture("completed", event.content, size, {"gitex": provenance})


def _picture(kind: str, content: bytes, size: str, more: dict[str, Any]) -> str:
    kind = f"image_generation.{kind}"
    return sse.frame(
        {
            "type": kind,
            "b64_json": base64.b64encode(content).decode(),
            "created_at": int(time.time()),
            "size": size,
            "output_format": "png",
            "quality": "auto",
            "background": "opaque",
            **more,
        },
        kind,
    )


def _progress(fields: dict[str, str | int]) -> str:
    return sse.frame({"type": "gitex.progress", **fields}, "gitex.progress")


def _image_data(picture: Generated, body: ImageRequest, request: Request) -> ImageData:
    provenance = Provenance.of_generated(picture)
    if body.response_format == "url":
        return ImageData(url=content_url(request, picture.asset.id), gitex=provenance)
    return ImageData(b64_json=base64.b64encode(picture.content).decode(), gitex=provenance)


def _bare_png(picture: Generated) -> Response:
    provenance = Provenance.of_generated(picture).model_dump(exclude_none=True)
    # json.dumps keeps to ASCII, which is all a header can carry.
    headers = {"x-gitex-provenance": json.dumps(provenance, separators=(",", ":")), "cache-control": "no-store"}
    return Response(picture.content, media_type=picture.asset.media_type, headers=headers)


def _prefers_png(accept: str) -> bool:
    """Whether `image/png` is named before anything that JSON satisfies."""
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type == "image/png":
            return True
        if media_type in ("application/json", "*/*"):
            return False
    return False
