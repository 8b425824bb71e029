"""Prompt templates: parse, call the service, shape the answer."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from gitex.templates import MAX_POPULAR
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.routes.images import ANSWERS, run_of
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.images import ImageResponse
from serve_app.http.schemas.templates import (
    RenderingBody,
    RenderingList,
    TemplateBody,
    TemplateImageRequest,
    TemplateList,
    TemplateRequest,
)

router = APIRouter(tags=["templates"])
TemplateKey = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", examples=["emblem"], description="its name or its id")
]
_CREATED: dict[int | str, dict[str, Any]] = documented(400, 409, 415, 503)
_CREATED[409] = {**_CREATED[409], "description": "The name is taken."}


@router.post("/v1/templates", status_code=201, responses=_CREATED)
async def create_template(body: TemplateRequest, services: ServicesDep) -> TemplateBody:
    """Keep a prompt with typed slots under a name. It is never changed afterwards."""
    templates = services.templates
    return TemplateBody.of(await templates.create(body.name, body.prompt(), body.seed, body.user or "anonymous"))


@router.get("/v1/templates", responses=documented(400, 503))
async def list_templates(
    services: ServicesDep,
    after: Annotated[str, Query(max_length=200, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> TemplateList:
    """The templates, newest first."""
    page = await services.templates.list(after, limit)
    return TemplateList(data=[TemplateBody.of(template) for template in page.templates], next=page.next or None)


@router.get("/v1/templates/{template}", responses=documented(400, 404, 503))
async def get_template(template: TemplateKey, services: ServicesDep) -> TemplateBody:
    """One template."""
    return TemplateBody.of(await services.templates.get(template))


@router.delete("/v1/templates/{template}", status_code=204, responses=documented(400, 404, 503))
async def delete_template(template: TemplateKey, services: ServicesDep) -> None:
    """Forget a template and what it was asked for. Pictures that it made stay."""
    await services.templates.delete(template)


@router.get("/v1/templates/{template}/renderings", responses=documented(400, 404, 503))
async def list_renderings(
    template: TemplateKey,
    services: ServicesDep,
    top: Annotated[int, Query(ge=0, le=MAX_POPULAR, description="at most so many that were used")] = 20,
    limit: Annotated[int, Query(ge=1, le=MAX_POPULAR, description="at most so many in all")] = 100,
) -> RenderingList:
    """What is worth making beforehand: what was asked for most, then combinations that nobody asked for yet."""
    found = await services.templates.renderings(template, top, limit)
    return RenderingList(data=[RenderingBody.of(popular) for popular in found])


@router.post(
    "/v1/templates/{template}/images",
    response_model=ImageResponse,
    response_model_exclude_none=True,
    responses=ANSWERS,
)
async def generate_template_images(
    *,
    template: TemplateKey,
    body: TemplateImageRequest,
    request: Request,
    services: ServicesDep,
    settings: SettingsDep,
    context: ContextDep,
) -> ImageResponse | Response:
    """Make pictures of a template with `values` in its slots. Takes and answers what `/v1/images/generations` does.

    Without a `seed` it is the template's own: the same values give the same picture, from the cache if it is there.
    """
    stored = await services.templates.get(template)
    asked = body.request(stored)
    told = None if body.warming else services.templates.watch(stored, body.values, body.settings())
    run = replace(run_of(asked, request, services, settings, context), told=told)
    return await run.answer(services.generation, request, asked)
