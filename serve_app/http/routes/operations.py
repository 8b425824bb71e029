"""For operators: liveness, readiness, metrics. Outside `/v1`, so no key is asked for."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from serve_app.http.dependencies import ServicesDep

router = APIRouter(tags=["operations"])
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartBody(BaseModel):
    """One part of the service; requests go on without a degraded one."""

    name: str
    status: Literal["ok", "degraded", "failed"]
    problem: str | None = None


class ReadinessBody(BaseModel):
    """Whether requests can be served."""

    status: Literal["ready", "not_ready"]
    parts: list[PartBody]


@router.get("/healthz")
async def get_health() -> Health:
    """The ingress process is alive."""
    return Health()


@router.get("/readyz", responses={503: {"model": ReadinessBody, "description": "A part is not well."}})
async def get_readiness(services: ServicesDep, response: Response) -> ReadinessBody:
    """Whether every part that requests need is well."""
    parts = [
        PartBody(name=part.name, status=part.status, problem=part.problem) for part in await services.readiness.report()
    ]
    ready = all(part.status != "failed" for part in parts)
    response.status_code = 200 if ready else 503
    return ReadinessBody(status="ready" if ready else "not_ready", parts=parts)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def get_metrics(services: ServicesDep) -> Response:
    """The whole cluster's metrics in Prometheus text format."""
    return Response(await services.exposition(), media_type=_EXPOSITION)
