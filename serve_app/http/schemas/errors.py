"""The error envelope, and which statuses a route documents."""

from typing import Any

from pydantic import BaseModel, Field


class ErrorBody(BaseModel):
    """What went wrong. `code` is stable; `param` names the field that is at fault."""

    message: str
    type: str
    param: str | None
    code: str
    category: str | None = Field(None, description="of `content_policy_violation`: what the safety checker saw")


class ErrorEnvelope(BaseModel):
    """OpenAI's error object."""

    error: ErrorBody


_DESCRIPTIONS = {
    400: "A field cannot be used as it is.",
    401: "No API key, or a wrong one.",
    404: "There is no such model or asset.",
    409: "The weights that made the asset are not the ones that are served.",
    410: "The asset has been deleted.",
    413: "The body is too large.",
    415: "The body is not of the type that the call takes.",
    429: "The queue is full; `Retry-After` says when to try again.",
    500: "The engine broke on this request.",
    503: "A part that is needed is starting, stopping or gone.",
    504: "The work did not end before the deadline.",
    507: "There is no room for what would have to be kept.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may answer with these error statuses, and with 401 and 500 as every one may."""
    return {
        status: {"model": ErrorEnvelope, "description": _DESCRIPTIONS[status]}
        for status in sorted({401, 413, 500, *statuses})
    }
