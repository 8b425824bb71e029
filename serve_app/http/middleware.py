"""Plain ASGI classes around the application: request id and metrics, kinds and sizes of bodies, API key."""

import hmac
import secrets
import time
from collections.abc import Iterable

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gitex.errors import GitexError, TooLarge, Unauthorized
from gitex.metrics import REQUEST_SECONDS, REQUESTS
from gitex.ports import Recorder
from serve_app.http.errors import envelope, response_to

REQUEST_ID = "x-request-id"


class RequestRecord:
    """Gives each request its id and records route, status and seconds.

    `answers_id`: write the id into the answer. Under Ray Serve the proxy has put the id into the request and writes
    it into the answer itself; twice would be a fault.
    """

    def __init__(self, app: ASGIApp, recorder: Recorder, answers_id: bool) -> None:
        self.app = app
        self.recorder = recorder
        self.answers_id = answers_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get(REQUEST_ID) or f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 499

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.answers_id:
                    MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            # Once an answer is out, the error has been logged and told; the server need not hear of it again.
            if status == 499:
                status = 500
                raise
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: a label must have few values.
        route = scope["route"].path if "route" in scope else "unmatched"
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "DELETE", "OPTIONS") else "other"
        self.recorder.count(REQUESTS.name, 1, {"route": route, "method": method, "status": str(status)})
        self.recorder.observe(REQUEST_SECONDS.name, seconds, {"route": route})


class BodyGate:
    """Refuses bodies of another type than the call takes (415) or of a stated length over the limit in bytes (413).

    Calls take JSON, those at the paths `forms` multipart forms; a call without any body is let through.

    Bodies that state no length, or a false one, are cut off by FastAPI's own limit while they arrive; that one
    answers a stated length in plain text, so those are told in our envelope here.
    """

    def __init__(self, app: ASGIApp, *, prefix: str, forms: Iterable[str], limit: int, form_limit: int) -> None:
        self.app = app
        self.prefix = prefix
        self.forms = frozenset(forms)
        self.limit = limit
        self.form_limit = form_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(self.prefix):
            headers = Headers(scope=scope)
            media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
            is_form = scope["path"] in self.forms
            wanted = "multipart/form-data" if is_form else "application/json"
            if media_type != wanted and _has_body(headers):
                message = f"content-type must be {wanted}, not {media_type or 'missing'}"
                body = envelope(message, "invalid_request_error", code="unsupported_media_type")
                await JSONResponse(body, 415)(scope, receive, send)
                return
            length, limit = headers.get("content-length", "0"), self.form_limit if is_form else self.limit
            if not length.isdecimal() or int(length) > limit:
                await _refuse(TooLarge(f"the body is larger than {limit} bytes"), scope, receive, send)
                return
        await self.app(scope, receive, send)


class ApiKey:
    """Asks for `Authorization: Bearer KEY` on every path under `prefixes`; compared in constant time."""

    def __init__(self, app: ASGIApp, key: str, prefixes: Iterable[str]) -> None:
        self.app = app
        self.key = key.encode()
        self.prefixes = tuple(prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self.prefixes):
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self.key)
            if scheme.lower() != "bearer" or not right:
                await _refuse(
                    Unauthorized("a valid API key is needed: Authorization: Bearer KEY"), scope, receive, send
                )
                return
        await self.app(scope, receive, send)


def _has_body(headers: Headers) -> bool:
    """As HTTP/1.1 tells (RFC 9112, section 6)."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _refuse(error: GitexError, scope: Scope, receive: Receive, send: Send) -> None:
    await response_to(error)(scope, receive, send)
