"""Conditional and partial answers of the read gateway, after RFC 9110."""

import random

import httpx
import pytest

from storage.ipfs.cid import Cid
from storage.ipfs.unixfs import CHUNK_BYTES
from tests.unit.serve_app.http.conftest import Door

PNG = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(500)
BIG = random.Random(2).randbytes(4 * CHUNK_BYTES + 99)
FOR_EVER = "public, max-age=29030400, immutable"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"{cid}"', 304),
        ('W/"{cid}"', 304),
        ('"other", W/"{cid}" , "more"', 304),
        ("*", 304),
        (" * ", 304),
        ('"{cid}.raw"', 200),
        ('"x{cid}"', 200),
        ("{cid}", 200),
        ('"', 200),
        ("", 200),
    ],
)
async def test_if_none_match(door: Door, client: httpx.AsyncClient, header: str, status: int) -> None:
    cid = door.content.add_file(PNG)
    for method in ("GET", "HEAD"):
        answer = await client.request(method, f"/ipfs/{cid}", headers={"if-none-match": header.format(cid=cid)})
        assert answer.status_code == status
        assert answer.headers["etag"] == f'"{cid}"'
        assert answer.headers["cache-control"] == FOR_EVER
        assert status == 200 or answer.content == b""


async def test_if_none_match_does_not_hide_that_content_is_gone(door: Door, client: httpx.AsyncClient) -> None:
    cid = str(Cid.of("raw", b"nothing"))
    assert (await client.get(f"/ipfs/{cid}", headers={"if-none-match": f'"{cid}"'})).status_code == 404


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        (f"bytes={CHUNK_BYTES - 2}-{CHUNK_BYTES + 1}", CHUNK_BYTES - 2, CHUNK_BYTES + 2),
        ("bytes=1000000-", 1000000, len(BIG)),
        ("bytes=-7", len(BIG) - 7, len(BIG)),
        (f"bytes=-{10 * len(BIG)}", 0, len(BIG)),
        (f"bytes=9-{10**18}", 9, len(BIG)),
        ("Bytes = 3-4,", 3, 5),
    ],
)
async def test_one_range_is_answered_with_that_part(
    door: Door, client: httpx.AsyncClient, header: str, start: int, stop: int
) -> None:
    cid = door.content.add_file(BIG, "image/png")
    door.content.asked.clear()
    answer = await client.get(f"/ipfs/{cid}", headers={"range": header})
    assert (answer.status_code, answer.content) == (206, BIG[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["etag"] == f'"{cid}"'
    # Only the blocks that the part needs are read.
    assert len(door.content.asked) == 1 + -(-stop // CHUNK_BYTES) - start // CHUNK_BYTES


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=6-5", "bytes=a-b", "pages=1-2", "bytes", "bytes=1-2-3", "bytes=+1-2"],
)
async def test_several_ranges_and_what_is_no_range_are_answered_with_all(
    door: Door, client: httpx.AsyncClient, header: str
) -> None:
    answer = await client.get(f"/ipfs/{door.content.add_file(PNG)}", headers={"range": header})
    assert (answer.status_code, answer.content) == (200, PNG)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(("content", "header"), [(PNG, f"bytes={len(PNG)}-"), (PNG, "bytes=-0"), (b"", "bytes=0-")])
async def test_a_range_behind_the_end_cannot_be_answered(
    door: Door, client: httpx.AsyncClient, content: bytes, header: str
) -> None:
    answer = await client.get(f"/ipfs/{door.content.add_file(content)}", headers={"range": header})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(content)}"
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("header", "status"),
    [('"{cid}"', 206), ('W/"{cid}"', 200), ('"other"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200), ("*", 200)],
)
async def test_if_range(door: Door, client: httpx.AsyncClient, header: str, status: int) -> None:
    cid = door.content.add_file(PNG)
    answer = await client.get(f"/ipfs/{cid}", headers={"range": "bytes=0-3", "if-range": header.format(cid=cid)})
    assert (answer.status_code, answer.content) == (status, PNG[:4] if status == 206 else PNG)
