"""Shapes what the gateway finds into HTTP answers (specs.ipfs.tech/http-gateways/path-gateway).

Two deviations, on purpose. The `ETag` of a part is that of the whole, as RFC 9110 (15.3.7) has it and `If-Range` needs
it. A directory is listed as JSON and its `index.html` is not looked for: nothing here is ever HTML.
"""

import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from gitex.errors import AssetDeleted, GitexError, NotFound
from serve_app.http.conditions import ByteRange, Unsatisfiable, byte_range, none_match, range_holds
from serve_app.http.ipfs_formats import CAR_ANSWER, RAW, Wish, car_scope
from serve_app.services.content_paths import ContentPath
from serve_app.services.gateway import CarScope, Found, Gateway

log = logging.getLogger("gitex.http")
_FOR_EVER = "public, max-age=29030400, immutable"
_GENERATED = "public, max-age=604800, stale-while-revalidate=2678400"
"""For what our code words: a later version may word it otherwise."""


@dataclass(frozen=True)
class Asked:
    """One request to the gateway."""

    method: str
    headers: Headers
    path: ContentPath
    wish: Wish
    query: Mapping[str, str]
    mounted: str = ""
    """What stands before `/ipfs/` in the address, behind the host."""

    @property
    def address(self) -> str:
        """The canonical path as it stands in a URL."""
        return self.mounted + quote(str(self.path), safe="/!$&'()*+,;=:@~")


async def answer(gateway: Gateway, asked: Asked) -> Response:
    """The whole answer, in the wished form. Raises our errors, 412 and 416."""
    found = await _find(gateway, asked)
    if asked.wish.format == "raw":
        return await _raw(asked, found)
    if asked.wish.format == "car":
        return await _car(gateway, asked, found)
    entry = await gateway.stat(found)
    if entry.kind == "directory":
        return await _directory(gateway, asked, found)
    if asked.path.slash:
        raise NotFound(f"{asked.path} is a file, not a directory")
    return await _file(gateway, asked, found, entry.size)


async def _find(gateway: Gateway, asked: Asked) -> Found:
    try:
        return await gateway.find(asked.path)
    except AssetDeleted:
        raise
    except NotFound as problem:
        directives = asked.headers.get("cache-control", "").lower().split(",")
        if "only-if-cached" in (directive.strip() for directive in directives):
            raise HTTPException(412, "") from problem
        raise


async def _file(gateway: Gateway, asked: Asked, found: Found, size: int) -> Response:
    headers = _headers(asked, found, f'"{found.cid}"')
    if unchanged := _unchanged(asked, headers):
        return unchanged
    headers["content-type"] = await gateway.media_type(found, size)
    download = asked.query.get("download") == "true"
    if download or "filename" in asked.query:
        headers["content-disposition"] = _disposition("attachment" if download else "inline", asked.query)
    return await _ranged(asked, headers, size, lambda part: gateway.read(found, part.start, part.stop - part.start))


async def _raw(asked: Asked, found: Found) -> Response:
    headers = _headers(asked, found, f'"{found.cid}.raw"')
    if unchanged := _unchanged(asked, headers):
        return unchanged
    headers["content-type"] = RAW
    headers["content-disposition"] = _disposition("attachment", asked.query, f"{found.cid}.bin")
    return await _ranged(asked, headers, len(found.block), lambda part: _slice(found.block, part))


async def _car(gateway: Gateway, asked: Asked, found: Found) -> Response:
    scope = car_scope(asked.query)
    headers = _headers(asked, found, _car_etag(found, scope))
    if unchanged := _unchanged(asked, headers):
        return unchanged
    headers["content-type"] = CAR_ANSWER
    headers["content-disposition"] = _disposition("attachment", asked.query, f"{found.cid}.car")
    headers["accept-ranges"] = "none"
    stream = await gateway.car(found, scope)
    return Response(headers=headers) if asked.method == "HEAD" else await _streamed(200, headers, stream)


async def _directory(gateway: Gateway, asked: Asked, found: Found) -> Response:
    if not asked.path.slash:
        query = f"?{urlencode(asked.query)}" if asked.query else ""
        return Response(status_code=301, headers={"location": f"{asked.address}/{query}", "cache-control": _GENERATED})
    headers = _headers(asked, found, f'"DirIndex-1_CID-{found.cid}"') | {"cache-control": _GENERATED}
    if unchanged := _unchanged(asked, headers):
        return unchanged
    entries = [{"name": link.name, "cid": str(link.cid), "tsize": link.tsize} for link in await gateway.entries(found)]
    return JSONResponse({"cid": str(found.cid), "entries": entries}, headers=headers)


def _headers(asked: Asked, found: Found, etag: str) -> dict[str, str]:
    headers = {
        "etag": etag,
        "cache-control": _FOR_EVER,
        "vary": "accept",
        "x-ipfs-path": asked.address + "/" * asked.path.slash,
        "x-ipfs-roots": ",".join(str(block.cid) for block in found.blocks),
    }
    if asked.wish.location:
        query = urlencode({**asked.query, "format": asked.wish.format})
        headers["content-location"] = f"{asked.address}?{query}"
    return headers


def _unchanged(asked: Asked, headers: dict[str, str]) -> Response | None:
    """304, if the caller has it already."""
    if none_match(asked.headers.get("if-none-match"), headers["etag"]):
        return None
    return Response(status_code=304, headers=headers)


async def _ranged(
    asked: Asked, headers: dict[str, str], size: int, read: Callable[[ByteRange], AsyncIterator[bytes]]
) -> Response:
    """All of it, or the part that is asked for; to HEAD nothing is read, and a range means nothing (RFC 9110, 14.2)."""
    headers["accept-ranges"] = "bytes"
    if asked.method == "HEAD":
        return Response(headers=headers | {"content-length": str(size)})
    part = _wanted(asked, headers["etag"], size)
    whole = part is None
    part = part or ByteRange(0, size)
    headers["content-length"] = str(part.stop - part.start)
    if not whole:
        headers["content-range"] = part.told(size)
    return await _streamed(200 if whole else 206, headers, read(part))


def _wanted(asked: Asked, etag: str, size: int) -> ByteRange | None:
    wanted = asked.headers.getlist("range")
    if not wanted or not range_holds(asked.headers.get("if-range"), etag):
        return None
    try:
        return byte_range(", ".join(wanted), size)
    except Unsatisfiable as problem:
        raise HTTPException(
            416, f"there are {size} bytes, and none of them asked for", {"content-range": f"bytes */{size}"}
        ) from problem


async def _streamed(status: int, headers: dict[str, str], stream: AsyncIterator[bytes]) -> Response:
    # The first piece is read here: what is missing or corrupt at once is told with a status.
    first = await anext(stream, b"")
    return StreamingResponse(_resumed(first, stream), status, headers)


async def _resumed(first: bytes, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream with its first piece. An error ends it too early, which the caller sees by the missing end."""
    yield first
    try:
        async for piece in stream:
            yield piece
    except GitexError as problem:
        log.error("an answer of the gateway was broken off: %s", problem.message)
        raise


async def _slice(block: bytes, part: ByteRange) -> AsyncIterator[bytes]:
    yield block[part.start : part.stop]


def _car_etag(found: Found, scope: CarScope) -> str:
    """Of an archive: which blocks are in it depends on the root, the end of the path, and the scope."""
    parts: list[str] = [] if scope.scope == "all" else [scope.scope]
    if scope.first is not None:
        parts.append(f"{scope.first}:{'*' if scope.last is None else scope.last}")
    cids = dict.fromkeys(str(block.cid) for block in found.blocks)
    return f'"{".".join([*parts, *cids, "car"])}"'


def _disposition(kind: str, query: Mapping[str, str], default: str = "") -> str:
    """`Content-Disposition` with an ASCII name and, where that is not all of it, the name in UTF-8 (RFC 6266)."""
    name = query.get("filename") or default
    if not name:
        return kind
    plain = re.sub(r"[^ !#-.0-\[\]-~]", "_", name)
    told = f'{kind}; filename="{plain}"'
    return told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}"
