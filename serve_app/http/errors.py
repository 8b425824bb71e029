"""The one place where errors become HTTP: status, OpenAI's envelope, headers."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from gitex import errors
from gitex.errors import GitexError

log = logging.getLogger("gitex.http")
PUBLIC_PREFIX = "/ipfs/"
"""Of the read gateway, whose errors are plain text: its callers know no envelope."""


@dataclass(frozen=True)
class Answer:
    """How a kind of error is answered."""

    status: int
    type: str


_ANSWERS: dict[type[GitexError], Answer] = {
    errors.InvalidInput: Answer(400, "invalid_request_error"),
    errors.ContentRefused: Answer(400, "invalid_request_error"),
    errors.Unauthorized: Answer(401, "authentication_error"),
    errors.NotFound: Answer(404, "invalid_request_error"),
    errors.Conflict: Answer(409, "invalid_request_error"),
    errors.Reverted: Answer(409, "invalid_request_error"),
    errors.WeightsMismatch: Answer(409, "invalid_request_error"),
    errors.AssetDeleted: Answer(410, "invalid_request_error"),
    errors.TooLarge: Answer(413, "invalid_request_error"),
    errors.Overloaded: Answer(429, "rate_limit_error"),
    errors.GitexError: Answer(500, "server_error"),
    errors.CidMismatch: Answer(502, "server_error"),
    errors.TransactionRefused: Answer(502, "server_error"),
    errors.Unavailable: Answer(503, "server_error"),
    errors.WrongChain: Answer(503, "server_error"),
    errors.DeadlineExceeded: Answer(504, "server_error"),
    errors.StorageFull: Answer(507, "server_error"),
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large", 415: "unsupported_media_type"}


def answer_to(error: GitexError) -> Answer:
    """The answer of the nearest class in the error's ancestry."""
    return next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)


def envelope(message: str, kind: str, *, code: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def envelope_of(error: GitexError) -> dict[str, Any]:
    """OpenAI's error object for one of ours; what went wrong inside is logged, not told."""
    answer = answer_to(error)
    body = envelope(error.message, answer.type, code=error.code, param=error.param)
    if isinstance(error, errors.ContentRefused):
        body["error"]["category"] = error.category
        if error.category not in error.message:
            # OpenAI's clients show the message and know no categories.
            body["error"]["message"] += f" (category: {error.category})"
    return body


def response_to(error: GitexError) -> JSONResponse:
    """The whole HTTP answer for one of our errors."""
    return JSONResponse(envelope_of(error), answer_to(error).status, _headers_of(error))


def _headers_of(error: GitexError) -> dict[str, str]:
    headers = {}
    if isinstance(error, errors.Overloaded):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, errors.Unauthorized):
        headers["www-authenticate"] = "Bearer"
    return headers


def _told(
    request: Request, body: dict[str, Any], status: int, headers: Mapping[str, str] | None = None
) -> JSONResponse | PlainTextResponse:
    if not request.url.path.startswith(PUBLIC_PREFIX):
        return JSONResponse(body, status, headers)
    return PlainTextResponse(body["error"]["message"], status, {**(headers or {}), "cache-control": "no-store"})


def install(app: FastAPI) -> None:
    """Register the handlers; Starlette finds them by the error's ancestry."""
    app.add_exception_handler(GitexError, _on_gitex_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_anything_else)


async def _on_gitex_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GitexError)
    if answer_to(error).status >= 500:
        log.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error.message)
    return _told(request, envelope_of(error), answer_to(error).status, _headers_of(error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _told(request, validation_envelope(error), 400)


def validation_envelope(error: RequestValidationError) -> dict[str, Any]:
    """Name the first field that is wrong, as `seed` or `messages.0.content`."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return envelope("the body is not valid JSON", "invalid_request_error", code="invalid_json")
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    said = first["msg"].removeprefix("Value error, ")
    message = f"{field}: {said}" if field else said
    return envelope(message, "invalid_request_error", code="invalid_value", param=field)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "invalid_request")
    body = envelope(str(error.detail), "invalid_request_error", code=code)
    return _told(request, body, error.status_code, error.headers)


async def _on_anything_else(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    told = GitexError("something went wrong inside; the request id finds it in the log")
    return _told(request, envelope_of(told), answer_to(told).status)
