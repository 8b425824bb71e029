"""The read gateway's plain answers, after specs.ipfs.tech/http-gateways/path-gateway and RFC 9110."""

import json
import random

import httpx
import pytest

from gitex.errors import CidMismatch, Unavailable
from gitex.metrics import REQUESTS
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link
from storage.ipfs.unixfs import CHUNK_BYTES, file_cid
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.raw_call import raw_call

PNG = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(500)
BIG = random.Random(2).randbytes(4 * CHUNK_BYTES + 99)
FOR_EVER = "public, max-age=29030400, immutable"


def _tree(door: Door) -> str:
    """A directory with `big.bin` and `pictures/blue star.png`; returns its CID."""
    pictures = door.content.add_directory([door.content.link(PNG, "blue star.png")])
    named = Link(pictures.cid, "pictures", pictures.tsize)
    return str(door.content.add_directory([named, door.content.link(BIG, "big.bin")]).cid)


async def test_a_file_is_answered_for_ever_with_its_cid_as_etag(door: Door, client: httpx.AsyncClient) -> None:
    for content in (PNG, BIG, b""):
        cid = door.content.add_file(content)
        answer = await client.get(f"/ipfs/{cid}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["etag"] == f'"{cid}"'
        assert answer.headers["cache-control"] == FOR_EVER
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["x-ipfs-path"] == f"/ipfs/{cid}"
        assert answer.headers["x-ipfs-roots"] == cid
        assert answer.headers["vary"] == "accept"
        assert "content-disposition" not in answer.headers
        assert "content-location" not in answer.headers


async def test_head_tells_the_same_and_reads_no_more_than_it_must(door: Door, client: httpx.AsyncClient) -> None:
    for content in (PNG, BIG):
        cid = door.content.add_file(content, "image/png")
        got = await client.get(f"/ipfs/{cid}")
        door.content.asked.clear()
        headed = await client.head(f"/ipfs/{cid}", headers={"range": "bytes=0-1"})
        assert (headed.status_code, headed.content) == (200, b"")
        assert {n: v for n, v in headed.headers.items() if n != "x-request-id"} == {
            n: v for n, v in got.headers.items() if n != "x-request-id"
        }
        assert door.content.asked == [cid]


async def test_the_media_type_is_the_assets_or_told_by_magic_bytes_and_never_html(
    door: Door, client: httpx.AsyncClient
) -> None:
    for content, told, media_type in (
        (b"RIFF1234WEBPVP8L....", "image/webp", "image/webp"),
        (PNG, "", "image/png"),
        (b"\xff\xd8\xff\xe0 a photo", "", "image/jpeg"),
        (b"GIF89a...", "", "image/gif"),
        (b"RIFF1234WEBPVP8 ....", "", "image/webp"),
        (b"1234WEBPVP8 ....", "", "application/octet-stream"),
        (b"\0\0\0\x1cftypavif", "", "image/avif"),
        (b' {"name": "star"}\n', "", "application/json"),
        (b'{"name": "star"', "", "application/octet-stream"),
        (b"[" * 100_000, "", "application/octet-stream"),
        (b"{\xff}", "", "application/octet-stream"),
        (b'[{"big": "' + b"a" * CHUNK_BYTES + b'"}]', "", "application/octet-stream"),
        (b"[1]" + b" " * CHUNK_BYTES + b"<html>", "", "application/octet-stream"),
        (b"<!doctype html><script>alert(1)</script>", "", "application/octet-stream"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "", "application/octet-stream"),
        (b"<html>", "text/html", "application/octet-stream"),
        (b"<svg/>", "image/svg+xml", "application/octet-stream"),
        (b"", "", "application/octet-stream"),
    ):
        answer = await client.get(f"/ipfs/{door.content.add_file(content, told)}?filename=page.html")
        assert answer.headers["content-type"] == media_type, content[:40]


async def test_every_answer_is_hardened_and_open_to_pages_of_any_origin(door: Door, client: httpx.AsyncClient) -> None:
    cid = door.content.add_file(PNG)
    asked = [("GET", cid), ("HEAD", cid), ("GET", "x"), ("GET", str(Cid.of("raw", b"?"))), ("POST", cid)]
    for method, path in asked:
        answer = await client.request(method, f"/ipfs/{path}", headers={"origin": "https://elsewhere.test"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    preflight = await client.options(f"/ipfs/{cid}", headers={"access-control-request-method": "GET"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "range" in preflight.headers["access-control-allow-headers"]
    elsewhere = await client.get("/healthz", headers={"origin": "https://elsewhere.test"})
    assert "access-control-allow-origin" not in elsewhere.headers


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("filename=star.png", 'inline; filename="star.png"'),
        ("download=true", "attachment"),
        ("download=true&filename=star.png", 'attachment; filename="star.png"'),
        ("download=false&filename=star.png", 'inline; filename="star.png"'),
        (
            "filename=testтест.jpg",
            "inline; filename=\"test____.jpg\"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.jpg",
        ),
        ("filename=a%22%0d%0ab%5c/c", "inline; filename=\"a___b__c\"; filename*=UTF-8''a%22%0D%0Ab%5C%2Fc"),
    ],
)
async def test_the_name_to_save_it_by(door: Door, client: httpx.AsyncClient, query: str, told: str) -> None:
    answer = await client.get(f"/ipfs/{door.content.add_file(PNG)}?{query}")
    assert answer.headers["content-disposition"] == told


async def test_a_path_is_followed_and_every_root_on_it_told(door: Door, client: httpx.AsyncClient) -> None:
    root = _tree(door)
    answer = await client.get(f"/ipfs/{root}/pictures/blue%20star.png")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["etag"] == f'"{file_cid([PNG])}"'
    assert answer.headers["x-ipfs-path"] == f"/ipfs/{root}/pictures/blue%20star.png"
    roots = answer.headers["x-ipfs-roots"].split(",")
    assert (len(roots), roots[0], roots[2]) == (3, root, str(file_cid([PNG])))
    for missing in ("nothing", "pictures/nothing", "big.bin/below", "pictures/blue%2520star.png", "big.bin/"):
        assert (await client.get(f"/ipfs/{root}/{missing}")).status_code == 404


async def test_a_directory_ends_with_a_slash_and_is_listed_as_json(door: Door, client: httpx.AsyncClient) -> None:
    root = _tree(door)
    moved = await client.get(f"/ipfs/{root}?filename=a+b")
    assert (moved.status_code, moved.headers["location"]) == (301, f"/ipfs/{root}/?filename=a+b")
    assert (await client.get(f"/ipfs/{root}/pictures")).headers["location"] == f"/ipfs/{root}/pictures/"
    listed = await client.get(f"/ipfs/{root}/", headers={"accept": "text/html"})
    assert listed.headers["content-type"] == "application/json"
    assert listed.headers["etag"] == f'"DirIndex-1_CID-{root}"'
    assert "immutable" not in listed.headers["cache-control"]
    assert [entry["name"] for entry in listed.json()["entries"]] == ["big.bin", "pictures"]
    assert listed.json()["entries"][0]["cid"] == str(file_cid([BIG]))
    kept = await client.get(f"/ipfs/{root}/", headers={"if-none-match": listed.headers["etag"]})
    assert kept.status_code == 304
    headed = await client.head(f"/ipfs/{root}/")
    assert (headed.content, headed.headers["content-length"]) == (b"", listed.headers["content-length"])


@pytest.mark.parametrize(
    "garbage", ["", "x", "bafy", "%00", "Qm" + "1" * 44, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354!"]
)
async def test_what_is_no_cid_is_a_bad_request_in_plain_text(door: Door, garbage: str) -> None:
    answer = await raw_call(door.app(), f"/ipfs/{garbage}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert b"{" not in answer.begin


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../..",
        "a/../b",
        "%2e%2e",
        "%2e%2e%2fa",
        "a/%2E%2E/",
        ".",
        "a//b",
        "/a",
        "a//",
        "//",
        "/",
        "a%00b",
        "%1ba",
        "a%7f",
    ],
)
async def test_a_path_that_leads_elsewhere_is_a_bad_request(door: Door, path: str) -> None:
    root = _tree(door)
    assert (await raw_call(door.app(), f"/ipfs/{root}/{path}")).status == 400


async def test_what_is_not_pinned_here_or_was_deleted_says_so(door: Door, client: httpx.AsyncClient) -> None:
    missing = str(Cid.of("raw", b"nothing"))
    answer = await client.get(f"/ipfs/{missing}")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert missing in answer.text
    probed = await client.head(f"/ipfs/{missing}", headers={"cache-control": "max-age=0, Only-If-Cached"})
    assert (probed.status_code, probed.content) == (412, b"")
    deleted = door.content.add_file(PNG)
    assert (await client.get(f"/ipfs/{deleted}", headers={"cache-control": "only-if-cached"})).status_code == 200
    door.content.deleted.add(deleted)
    for headers in ({}, {"cache-control": "only-if-cached"}, {"if-none-match": "*"}):
        assert (await client.get(f"/ipfs/{deleted}", headers=headers)).status_code == 410


async def test_faults_are_told_in_plain_text_and_not_in_detail(door: Door, client: httpx.AsyncClient) -> None:
    cid = door.content.add_file(PNG)
    for error, status in (
        (Unavailable("the disk fails"), 503),
        (CidMismatch("corrupt"), 502),
        (RuntimeError("x"), 500),
    ):
        door.content.error = error
        answer = await client.get(f"/ipfs/{cid}")
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/plain")
        assert "RuntimeError" not in answer.text


async def test_service_workers_and_writing_are_refused(door: Door, client: httpx.AsyncClient) -> None:
    cid = door.content.add_file(PNG)
    assert (await client.get(f"/ipfs/{cid}", headers={"service-worker": "script"})).status_code == 400
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused = await client.request(method, f"/ipfs/{cid}")
        assert (refused.status_code, refused.headers["content-type"]) == (405, "text/plain; charset=utf-8")


async def test_no_key_is_asked_for_and_the_metric_has_the_route_not_the_path(door: Door) -> None:
    cid = door.content.add_file(json.dumps({"name": "star"}).encode())
    async with door.client(api_key="s3cret") as client:
        assert (await client.get(f"/ipfs/{cid}", headers={"accept": "application/json"})).json() == {"name": "star"}
    tags = {"route": "/ipfs/{content_path:path}", "method": "GET", "status": "200"}
    assert door.recorder.counted(REQUESTS.name, **tags) == 1


async def test_a_cid_has_one_etag_in_whichever_base_it_is_spelled(door: Door, client: httpx.AsyncClient) -> None:
    root = Cid.parse(door.content.add_file(BIG))
    answer = await client.get(f"/ipfs/{root.base36()}")
    assert (answer.content, answer.headers["etag"]) == (BIG, f'"{root}"')
    old = Cid(0, "dag-pb", root.digest)
    answer = await client.get(f"/ipfs/{old}")
    assert (answer.content, answer.headers["etag"]) == (BIG, f'"{old}"')
