"""The gateway when asked for nonsense, for a lot, and for what has rotten on the disk."""

import asyncio
import random
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from gitex.publishing import Content
from storage.blobs import LocalBlobStore
from storage.database import open_database
from storage.ipfs.cid import Cid
from storage.ipfs.embedded import EmbeddedNode
from storage.ipfs.public import SqlPublicContent
from storage.ipfs.unixfs import CHUNK_BYTES, FileBuilder, file_cid
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.raw_call import raw_call

STAR = random.Random(1).randbytes(500)
BIG = random.Random(2).randbytes(4 * CHUNK_BYTES + 99)
TOLERANT = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CIDS = st.sampled_from([str(file_cid([BIG])), str(file_cid([STAR])), str(Cid.of("raw", b"?")), "bafkqaaa", "Qm", "b"])
PARTS = st.sampled_from(
    ["..", "%2e%2e", "%00", "%ff", "%252e", "//", "/", "?", "a", "%F0%9F%98%80", "%0a", ".", "&=", "%"]
)
TARGETS = st.one_of(
    st.lists(PARTS, max_size=6).map("".join),
    st.tuples(CIDS, st.lists(PARTS, max_size=6).map("".join)).map("".join),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100),
)
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
NUMBERS = st.integers(0, 2 * len(BIG)).map(str) | st.sampled_from(["", "9" * 19, "9" * 400])
RANGES = st.one_of(
    LATIN, LATIN.map("bytes={}".format), st.tuples(NUMBERS, NUMBERS).map(lambda t: f"bytes={t[0]}-{t[1]}")
)
EXPECTED = {200, 206, 301, 304, 400, 404, 406, 412, 416}


@pytest.fixture
def app(door: Door) -> ASGIApp:
    """The door, with three files behind it."""
    for content in (STAR, BIG, b""):
        door.content.add_file(content)
    return door.app()


@given(TARGETS, st.sampled_from(["GET", "HEAD"]), LATIN, LATIN)
@TOLERANT
async def test_no_path_format_or_header_makes_a_fault(
    app: ASGIApp, target: str, method: str, accept: str, tags: str
) -> None:
    answer = await raw_call(app, f"/ipfs/{target}", method, accept=accept, if_none_match=tags)
    assert answer.status in EXPECTED
    assert answer.ended
    assert "text/html" not in answer.headers.get("content-type", "")
    assert answer.headers["x-content-type-options"] == "nosniff"
    for value in answer.headers.values():
        assert value.isprintable()


@given(
    st.sampled_from(["format", "filename", "download", "dag-scope", "entity-bytes", "car-version", "car-dups", "x"]),
    st.one_of(st.text(max_size=60), st.tuples(NUMBERS, NUMBERS).map(lambda t: f"{t[0]}:-{t[1]}")),
    st.sampled_from(["raw", "car", "file"]),
)
@TOLERANT
async def test_no_parameter_makes_a_fault(app: ASGIApp, name: str, value: str, form: str) -> None:
    query = str(httpx.QueryParams([(name, value)] + ([("format", form)] if form != "file" else [])))
    answer = await raw_call(app, f"/ipfs/{file_cid([BIG])}?{query}")
    assert answer.status in EXPECTED
    assert answer.ended
    for told in answer.headers.values():
        assert "\r" not in told
        assert "\n" not in told


@given(RANGES, st.sampled_from([STAR, BIG, b""]))
@TOLERANT
async def test_no_range_gives_other_bytes_than_those_it_tells(app: ASGIApp, header: str, content: bytes) -> None:
    answer = await raw_call(app, f"/ipfs/{file_cid([content])}", range=header)
    assert answer.status in {200, 206, 416}
    if answer.status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(content)}"
        return
    start, stop = 0, len(content)
    if answer.status == 206:
        part, _, size = answer.headers["content-range"].removeprefix("bytes ").partition("/")
        first, _, last = part.partition("-")
        start, stop = int(first), int(last) + 1
        assert int(size) == len(content)
    assert answer.size == stop - start == int(answer.headers["content-length"])
    assert answer.begin == content[start : min(stop, start + 1024)]


@dataclass
class Kept:
    """A real node below the door."""

    door: Door
    node: EmbeddedNode
    blobs: LocalBlobStore
    engine: AsyncEngine

    def spoil(self, blob: str, at: int) -> None:
        path = self.door.folder / "blobs" / blob[:2] / blob
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)


@pytest.fixture
async def kept(door: Door, tmp_path: Path) -> AsyncIterator[Kept]:
    engine = await open_database(f"sqlite+aiosqlite:///{tmp_path}/gitex.db")
    blobs = LocalBlobStore(tmp_path / "blobs")
    door.content = SqlPublicContent(engine, blobs)
    yield Kept(door, EmbeddedNode(engine, blobs), blobs, engine)
    await engine.dispose()


async def test_100_mb_are_served_in_bounded_memory(kept: Kept) -> None:
    piece = random.Random(1).randbytes(CHUNK_BYTES - 4)

    async def pieces() -> AsyncIterator[bytes]:
        for turn in range(400):
            yield turn.to_bytes(4) + piece

    blob, size = await kept.blobs.put_stream(pieces())
    builder = FileBuilder()
    async for part in kept.blobs.read(blob):
        builder.skim(part)
    list(builder.close())
    await kept.node.pin(Content(str(builder.root), "big.bin", blob, size))
    app = kept.door.app()
    for form, size_told in (("", str(size)), ("?format=car", None)):
        tracemalloc.start()
        try:
            answer = await raw_call(app, f"/ipfs/{builder.root}{form}")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.status == 200
        assert answer.headers.get("content-length") == size_told
        assert answer.size >= size
        assert form or answer.digest.hexdigest() == blob
        assert peak < 12 * 2**20
    part = await raw_call(app, f"/ipfs/{builder.root}", range=f"bytes={50 * 2**20}-{50 * 2**20 + 9}")
    assert (part.status, part.begin) == (206, (200).to_bytes(4) + piece[:6])


async def test_a_corrupt_block_ends_the_stream_and_none_of_its_bytes_are_sent(kept: Kept) -> None:
    blob = await kept.blobs.put(BIG)
    cid = str(file_cid([BIG]))
    await kept.node.pin(Content(cid, "big.bin", blob, len(BIG)))
    kept.spoil(blob, 2 * CHUNK_BYTES + 5)
    async with _server(kept.door.app()) as url, httpx.AsyncClient(base_url=url) as client:
        assert await _broken_off(client, f"/ipfs/{cid}") == BIG[: 2 * CHUNK_BYTES]
        archive = await _broken_off(client, f"/ipfs/{cid}?format=car")
        assert archive.endswith(BIG[CHUNK_BYTES : 2 * CHUNK_BYTES])
        sound = await client.get(f"/ipfs/{cid}", headers={"range": f"bytes={3 * CHUNK_BYTES}-"})
        assert (sound.status_code, sound.content) == (206, BIG[3 * CHUNK_BYTES :])
        rotten = await client.get(f"/ipfs/{cid}", headers={"range": f"bytes={2 * CHUNK_BYTES}-"})
        assert (rotten.status_code, rotten.headers["content-type"]) == (502, "text/plain; charset=utf-8")
        leaf = Cid.of("raw", BIG[2 * CHUNK_BYTES : 3 * CHUNK_BYTES])
        assert (await client.get(f"/ipfs/{leaf}?format=raw")).status_code == 502


async def _broken_off(client: httpx.AsyncClient, path: str) -> bytes:
    """What comes of an answer that must not come whole."""
    received = b""
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        try:
            async for part in answer.aiter_raw():
                received += part
        except httpx.RemoteProtocolError:
            return received
    raise AssertionError("the answer ended as if it were whole")


@asynccontextmanager
async def _server(app: ASGIApp) -> AsyncIterator[str]:
    """In this event loop, which the database's connections belong to."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def test_a_file_that_was_unpinned_or_whose_blob_is_gone_is_missing(kept: Kept) -> None:
    blob = await kept.blobs.put(STAR)
    cid = str(file_cid([STAR]))
    app = kept.door.app()
    assert (await raw_call(app, f"/ipfs/{cid}")).status == 404
    await kept.node.pin(Content(cid, "star.png", blob, len(STAR)))
    assert (await raw_call(app, f"/ipfs/{cid}")).begin == STAR
    await kept.blobs.delete(blob)
    assert (await raw_call(app, f"/ipfs/{cid}")).status == 404
    await kept.blobs.put(STAR)
    await kept.node.unpin(cid)
    assert (await raw_call(app, f"/ipfs/{cid}")).status == 404
