"""Errors that the service tells, as ours."""

from collections.abc import Mapping
from typing import Any

import httpx

from gitex.errors import GitexError, InvalidInput, Overloaded, Unauthorized, Unavailable


def refusal(response: httpx.Response) -> GitexError:
    """The error that an answer tells."""
    try:
        fields = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        # Not from Gitex's own code: a proxy in front of it, or another program.
        return Unavailable(f"{response.url} answered HTTP {response.status_code} {response.reason_phrase}")
    return error_of(fields, response.headers)


def error_of(fields: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> GitexError:
    """The error that an OpenAI error object describes, by its `type`."""
    headers = headers or {}
    message, param = str(fields["message"]), fields["param"]
    match fields["type"]:
        case "invalid_request_error":
            return InvalidInput(message, param=param)
        case "authentication_error":
            return Unauthorized(f"{message} (set GITEX_API_KEY, or give --api-key)")
        case "rate_limit_error":
            seconds = headers.get("retry-after", "1")
            return Overloaded(f"{message}; try again in {seconds} s", retry_after=float(seconds))
        case _:
            request_id = headers.get("x-request-id")
            return Unavailable(f"{message} (request id {request_id})" if request_id else message)
