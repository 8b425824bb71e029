"""The read gateway: content by its CID, for anybody (specs.ipfs.tech/http-gateways)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from serve_app.http.dependencies import ServicesDep
from serve_app.http.ipfs_answers import Asked, answer
from serve_app.http.ipfs_formats import CAR, CAR_ANSWER, RAW, wished
from serve_app.services.content_paths import ContentPath
from serve_app.services.media_sniffing import HARMLESS, UNKNOWN

router = APIRouter(tags=["ipfs"])

_PROBE = "bafkqaaa"
"""The CID that holds its content, nothing, in itself: callers ask for it to learn whether this is a gateway."""
_PROBE_CAR = b"\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01"


class GatewayQuery(BaseModel):
    """How the answer is wanted. Other parameters are ignored."""

    model_config = ConfigDict(populate_by_name=False)

    format: str | None = Field(None, max_length=32, description="`raw`: one block; `car`: an archive of blocks.")
    filename: str | None = Field(None, max_length=255, description="Told in `Content-Disposition`.")
    download: str | None = Field(None, max_length=8, description="`true`: to be saved, not shown.")
    dag_scope: str | None = Field(None, alias="dag-scope", max_length=16, description="`all`, `entity`, `block`.")
    entity_bytes: str | None = Field(
        None, alias="entity-bytes", max_length=48, description="`FROM:TO`, of a file; the archive has what that needs."
    )
    car_version: str | None = Field(None, alias="car-version", max_length=8, description="`1`.")
    car_order: str | None = Field(None, alias="car-order", max_length=8, description="`dfs` or `unk`.")
    car_dups: str | None = Field(None, alias="car-dups", max_length=8, description="`n`.")


def _documented() -> dict[int | str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = {kind: {} for kind in (*sorted(HARMLESS), UNKNOWN, RAW, CAR)}
    errors = {
        301: "A directory, whose address ends with `/`.",
        304: "The caller's copy is still right.",
        400: "Not a CID, not a path, or an unknown format.",
        404: "Not pinned here, or nothing of that name.",
        406: "That format is not offered.",
        410: "It belonged to an asset that was deleted.",
        412: "`only-if-cached`, and it is not here.",
        416: "The range lies behind the end.",
        500: "A fault of ours.",
        502: "What is stored is corrupt; it is not served.",
        503: "A part that is needed is gone.",
    }
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"text/plain": {}}} for status, text in errors.items()
    }
    return {200: {"content": content, "description": "The content."}, 206: {"description": "A part of it."}, **told}


@router.get("/ipfs/{content_path:path}", response_class=Response, responses=_documented())
@router.head("/ipfs/{content_path:path}", response_class=Response, responses=_documented())
async def read_content(
    content_path: Annotated[str, Path(description="`CID` or `CID/name/name`")],
    query: Annotated[GatewayQuery, Query()],
    request: Request,
    services: ServicesDep,
) -> Response:
    """Content that is pinned at the embedded node, by its CID. It never changes, so it may be kept for ever."""
    if request.headers.get("service-worker") == "script":
        raise HTTPException(400, "no service workers are given out here")
    asked_for = query.model_dump(by_alias=True, exclude_none=True)
    wish = wished(asked_for, ", ".join(request.headers.getlist("accept")))
    if content_path == _PROBE:
        return _probe(wish.format)
    asked = Asked(
        method=request.method,
        headers=request.headers,
        path=ContentPath.parse(content_path),
        wish=wish,
        query=asked_for,
        mounted=request.scope.get("root_path", ""),
    )
    return await answer(services.gateway, asked)


def _probe(form: str) -> Response:
    content, media_type = {"raw": (b"", RAW), "car": (_PROBE_CAR, CAR_ANSWER)}.get(form, (b"", UNKNOWN))
    return Response(content, media_type=media_type)
