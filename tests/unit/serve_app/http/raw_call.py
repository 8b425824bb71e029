"""Asks an ASGI application with exactly the given path, and counts the answer without keeping it."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp


@dataclass
class Answered:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 0
    """Of the body, in bytes."""
    begin: bytes = b""
    """The body's first KiB."""
    digest: Any = field(default_factory=hashlib.sha256)
    ended: bool = False


async def raw_call(app: ASGIApp, target: str, method: str = "GET", **headers: str) -> Answered:
    """`target` stands in the request as it is; as a server does, the path is decoded once."""
    path, _, query = target.partition("?")
    told = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"gitex.test"), *told],
        "client": ("127.0.0.1", 1),
        "server": ("gitex.test", 80),
        "root_path": "",
    }
    answered = Answered()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            return
        body = message.get("body", b"")
        answered.size += len(body)
        answered.begin += body[: max(0, 1024 - len(answered.begin))]
        answered.digest.update(body)
        answered.ended = not message.get("more_body", False)

    await app(scope, receive, send)
    return answered
