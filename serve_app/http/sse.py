"""Server-sent events."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse

from gitex.errors import GitexError
from serve_app.http.errors import envelope_of

E = TypeVar("E")
log = logging.getLogger("gitex.http")

MEDIA_TYPE = "text/event-stream"
# The schema of one event, as OpenAPI 3.2 describes such streams; `data` is JSON, but for chat's closing `[DONE]`.
EVENT_SCHEMA = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["data"],
}
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def frame(data: Mapping[str, Any] | str, event: str | None = None) -> str:
    """One event; `data` is JSON unless it is a string already."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n" if event else f"data: {text}\n\n"


async def answer(frames: AsyncGenerator[str, None], *, names_errors: bool) -> StreamingResponse:
    """Stream `frames`, once the first one is there: what fails before it still gets its own HTTP status.

    What fails later becomes an error event. `names_errors`: with an `event: error` line, as the image stream has.
    """
    first = await anext(frames)
    return StreamingResponse(_guarded(first, frames, names_errors), media_type=MEDIA_TYPE, headers=HEADERS)


async def _guarded(first: str, rest: AsyncGenerator[str, None], names_errors: bool) -> AsyncIterator[str]:
    async with aclosing(rest):
        yield first
        try:
            async for part in rest:
                yield part
        except GitexError as error:
            yield _error_frame(error, names_errors)
        except Exception:  # the status line is out; all that is left is to say so in the stream
            log.exception("a stream failed")
            yield _error_frame(GitexError("something went wrong inside"), names_errors)


def _error_frame(error: GitexError, named: bool) -> str:
    return frame({"type": "error", **envelope_of(error)} if named else envelope_of(error), "error" if named else None)
