"""Bad days of a pinning service: what goes wrong with an answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from storage.ipfs.cid import Cid

Handler = Callable[[Request], Awaitable[Response]]
FaultKind = Literal["status", "hang", "drip", "html", "wrong_cid", "lost_answer", "cut_off", "echo_token", "huge"]
OTHER_CID = str(Cid.of("raw", b"not what was asked for"))


@dataclass
class Fault:
    """What goes wrong with the next requests that it is for."""

    kind: FaultKind
    times: int = 1
    """How many requests it hits; -1 for all."""
    methods: tuple[str, ...] = ("GET", "POST", "DELETE")
    status: int = 500
    retry_after: str = ""


async def go_wrong(fault: Fault, request: Request, handler: Handler) -> Response:
    """The answer as the fault makes it."""
    if fault.kind in ("lost_answer", "wrong_cid", "drip", "cut_off"):
        return await _spoilt(fault, request, await handler(request))
    if fault.kind == "hang":
        await asyncio.sleep(30)
    if fault.kind == "html":
        return Response("<html><h1>Welcome</h1></html>", media_type="text/html")
    if fault.kind == "echo_token":
        told = {"reason": "BAD", "details": f"you said {request.headers['authorization']}\r\n2026 forged line"}
        return JSONResponse({"error": told}, fault.status)
    if fault.kind == "huge":
        return StreamingResponse(_many(b" " * 2**20), media_type="application/json")
    return Response("no", fault.status, {"retry-after": fault.retry_after} if fault.retry_after else None)


async def _spoilt(fault: Fault, request: Request, real: Response) -> Response:
    """What was asked for is done, but the answer is not what it should be."""
    body = bytes(real.body)
    if fault.kind == "lost_answer":
        return Response("gateway timeout", 504)
    if fault.kind == "wrong_cid":
        wanted = json.loads(await request.body())["cid"] if request.method == "POST" else request.query_params["cid"]
        return Response(body.replace(wanted.encode(), OTHER_CID.encode()), real.status_code)
    if fault.kind == "drip":
        return StreamingResponse(_drip(body), real.status_code, {"content-length": str(len(body))})
    return Response(body[: len(body) // 2], real.status_code)


async def _drip(body: bytes) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(0.05)


async def _many(chunk: bytes) -> AsyncIterator[bytes]:
    for _ in range(64):
        yield chunk
