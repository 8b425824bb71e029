"""`POST /v1/copy`."""

import asyncio
import secrets
import time
from dataclasses import replace

from fastapi import APIRouter

from gitex.errors import DeadlineExceeded
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.routes.chat import provenance_of
from serve_app.http.schemas.completion import Usage
from serve_app.http.schemas.copywriting import CopyRequest, CopyResponse
from serve_app.http.schemas.errors import documented
from serve_app.services.copywriting import write_copy

router = APIRouter(tags=["text"])


@router.post("/v1/copy", responses=documented(400, 404, 415, 429, 503, 504))
async def create_copy(
    body: CopyRequest, services: ServicesDep, settings: SettingsDep, context: ContextDep
) -> CopyResponse:
    """Write title, tagline, description and hashtags for a picture."""
    model = services.models.text(body.model)
    brief = body.brief(settings)
    context = replace(context, tenant=body.user or "anonymous")
    seed = secrets.randbelow(2**32) if body.seed is None else body.seed
    remaining = None if context.deadline is None else context.deadline - time.time()
    try:
        written = await asyncio.wait_for(write_copy(model, brief, seed, context), remaining)
    except TimeoutError:
        raise DeadlineExceeded("the request took longer than this service allows") from None
    return CopyResponse(
        title=written.copy.title,
        tagline=written.copy.tagline,
        description=written.copy.description,
        hashtags=list(written.copy.hashtags),
        usage=Usage.of([written.finished]),
        gitex=provenance_of(written.spec),
    )
