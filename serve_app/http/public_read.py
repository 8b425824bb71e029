"""Hardens answers that anybody may read, and lets pages of any origin read them, without credentials."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.http.errors import PUBLIC_PREFIX

_ALWAYS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": (
        "accept-ranges, content-disposition, content-length, content-location, content-range, etag, x-ipfs-path,"
        " x-ipfs-roots, x-request-id"
    ),
    "cross-origin-resource-policy": "cross-origin",
    # What is not ours to vouch for must never act in our origin's name.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}
_PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-allow-headers": "accept, cache-control, content-type, if-none-match, if-range, range, x-request-id",
    "access-control-max-age": "86400",
}


class PublicRead:
    """Around every answer below `/ipfs/`, errors too; answers the questions that browsers ask first (OPTIONS)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PUBLIC_PREFIX):
            await self.app(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_ALWAYS)
            await send(message)

        if scope["method"] == "OPTIONS":
            headers = [(name.encode(), value.encode()) for name, value in _PREFLIGHT.items()]
            await send_hardened({"type": "http.response.start", "status": 204, "headers": headers})
            await send_hardened({"type": "http.response.body", "body": b""})
        else:
            await self.app(scope, receive, send_hardened)
