"""Blocks and archives from the gateway, after specs.ipfs.tech/http-gateways/trustless-gateway."""

import random

import httpx
import pytest

from storage.ipfs.car import CarReader
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link
from storage.ipfs.reader import Block
from storage.ipfs.unixfs import CHUNK_BYTES, file_blocks, file_cid
from tests.unit.serve_app.http.conftest import Door

STAR = random.Random(1).randbytes(500)
BIG = random.Random(2).randbytes(4 * CHUNK_BYTES + 99)
LEAVES = [block.cid for block in file_blocks([BIG]) if block.offset is not None]
RAW, CAR = "application/vnd.ipld.raw", "application/vnd.ipld.car"
OURS = f"{CAR}; version=1; order=dfs; dups=n"


def _tree(door: Door) -> Cid:
    """A directory with `big.bin` and `pictures/star.png`; returns its CID."""
    pictures = door.content.add_directory([door.content.link(STAR, "star.png")])
    named = Link(pictures.cid, "pictures", pictures.tsize)
    return door.content.add_directory([named, door.content.link(BIG, "big.bin")]).cid


def _read(archive: bytes) -> tuple[Cid, list[Block]]:
    reader = CarReader()
    blocks = list(reader.write(archive))
    [root] = reader.close()
    return root, blocks


async def _cids(client: httpx.AsyncClient, path: str) -> list[Cid]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [block.cid for block in _read(answer.content)[1]]


async def test_a_raw_block_is_what_its_cid_says(door: Door, client: httpx.AsyncClient) -> None:
    cid = Cid.parse(door.content.add_file(BIG))
    for url, headers in ((f"/ipfs/{cid}?format=raw", {}), (f"/ipfs/{cid}", {"accept": RAW})):
        answer = await client.get(url, headers=headers)
        assert answer.status_code == 200
        cid.check(answer.content)
        assert answer.headers["content-type"] == RAW
        assert answer.headers["etag"] == f'"{cid}.raw"'
        assert answer.headers["content-disposition"] == f'attachment; filename="{cid}.bin"'
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["cache-control"] == "public, max-age=29030400, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        same = await client.get(url, headers={**headers, "if-none-match": f'"{cid}.raw"'})
        assert same.status_code == 304
        other = await client.get(url, headers={**headers, "if-none-match": f'"{cid}"'})
        assert other.status_code == 200
        part = await client.get(url, headers={**headers, "range": "bytes=1-4"})
        assert (part.status_code, part.content) == (206, answer.content[1:5])
        headed = await client.head(url, headers=headers)
        assert (headed.content, headed.headers["content-length"]) == (b"", answer.headers["content-length"])


async def test_every_block_of_a_file_and_of_a_path_can_be_had(door: Door, client: httpx.AsyncClient) -> None:
    root = _tree(door)
    for block in file_blocks([BIG]):
        assert (await client.get(f"/ipfs/{block.cid}?format=raw")).content == block.data
    assert (await client.get(f"/ipfs/{root}/pictures/star.png?format=raw")).content == STAR


async def test_an_archive_has_the_whole_dag_depth_first(door: Door, client: httpx.AsyncClient) -> None:
    cid = Cid.parse(door.content.add_file(BIG))
    for url, headers in ((f"/ipfs/{cid}?format=car", {}), (f"/ipfs/{cid}", {"accept": CAR})):
        answer = await client.get(url, headers=headers)
        root, blocks = _read(answer.content)
        assert root == cid
        assert [block.cid for block in blocks] == [cid, *LEAVES]
        assert answer.headers["content-type"] == OURS
        assert answer.headers["etag"] == f'"{cid}.car"'
        assert answer.headers["accept-ranges"] == "none"
        assert answer.headers["content-disposition"] == f'attachment; filename="{cid}.car"'
        assert (await client.get(url, headers={**headers, "range": "bytes=0-3"})).status_code == 200
        assert (await client.get(url, headers={**headers, "if-none-match": f'W/"{cid}.car"'})).status_code == 304


async def test_head_of_an_archive_reads_the_root_alone(door: Door, client: httpx.AsyncClient) -> None:
    cid = door.content.add_file(BIG)
    door.content.asked.clear()
    headed = await client.head(f"/ipfs/{cid}?format=car")
    assert (headed.status_code, headed.content, headed.headers["content-type"]) == (200, b"", OURS)
    assert door.content.asked == [cid]


async def test_an_archive_begins_with_the_blocks_of_the_path(door: Door, client: httpx.AsyncClient) -> None:
    root, star = _tree(door), file_cid([STAR])
    path = f"/ipfs/{root}/pictures/star.png"
    first, blocks = _read((await client.get(f"{path}?format=car")).content)
    pictures = Cid.parse((await client.get(path)).headers["x-ipfs-roots"].split(",")[1])
    assert first == star
    assert [block.cid for block in blocks] == [root, pictures, star]
    assert await _cids(client, f"/ipfs/{root}/pictures?format=car&dag-scope=block") == [root, pictures]
    assert await _cids(client, f"/ipfs/{root}?format=car&dag-scope=entity") == [root]
    assert set(await _cids(client, f"/ipfs/{root}?format=car")) == {root, pictures, star, file_cid([BIG]), *LEAVES}


@pytest.mark.parametrize(
    ("scope", "leaves"),
    [
        ("dag-scope=all", LEAVES),
        ("dag-scope=entity", LEAVES),
        ("dag-scope=block", []),
        ("entity-bytes=0:*", LEAVES),
        ("entity-bytes=0:0", LEAVES[:1]),
        (f"entity-bytes={CHUNK_BYTES - 1}:{CHUNK_BYTES}", LEAVES[:2]),
        (f"entity-bytes={CHUNK_BYTES}:{2 * CHUNK_BYTES - 1}", LEAVES[1:2]),
        ("entity-bytes=-99:*", LEAVES[4:]),
        (f"entity-bytes={3 * CHUNK_BYTES}:-100", LEAVES[3:4]),
        (f"entity-bytes=-{10 * len(BIG)}:{10 * len(BIG)}", LEAVES),
        ("entity-bytes=5:4", []),
        ("dag-scope=all&entity-bytes=0:0", LEAVES[:1]),
    ],
)
async def test_the_scope_says_which_blocks(
    door: Door, client: httpx.AsyncClient, scope: str, leaves: list[Cid]
) -> None:
    cid = Cid.parse(door.content.add_file(BIG))
    door.content.asked.clear()
    assert await _cids(client, f"/ipfs/{cid}?format=car&{scope}") == [cid, *leaves]
    assert door.content.asked == [str(cid), *map(str, leaves)]


async def test_other_blocks_have_another_etag(door: Door, client: httpx.AsyncClient) -> None:
    root, star = _tree(door), file_cid([STAR])
    paths = (
        f"{root}?format=car",
        f"{root}?format=car&dag-scope=entity",
        f"{root}?format=car&dag-scope=block",
        f"{root}?format=car&entity-bytes=0:*",
        f"{root}?format=car&entity-bytes=0:5",
        f"{root}/pictures?format=car",
        f"{root}/pictures/star.png?format=car",
        f"{star}?format=car",
        f"{star}?format=raw",
        f"{star}",
    )
    etags = {(await client.head(f"/ipfs/{path}")).headers["etag"] for path in paths}
    assert len(etags) == len(paths)


async def test_equal_blocks_are_in_an_archive_once(door: Door, client: httpx.AsyncClient) -> None:
    cid = Cid.parse(door.content.add_file(bytes(3 * CHUNK_BYTES)))
    leaf = Cid.of("raw", bytes(CHUNK_BYTES))
    for scope in ("", "&entity-bytes=0:*"):
        assert await _cids(client, f"/ipfs/{cid}?format=car{scope}") == [cid, leaf]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "file"),
        ("*/*", "file"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "file"),
        ("application/json", "file"),
        (RAW, RAW),
        (RAW.upper(), RAW),
        (f"{RAW}, */*", RAW),
        (f"*/*, {RAW}", RAW),
        (f"{RAW};q=0.5, image/png", "file"),
        (f"{RAW};q=0.5, {CAR};q=0.6", OURS),
        (f"{RAW};q=0, {CAR}", OURS),
        (f"{CAR};version=1;order=dfs;dups=n", OURS),
        (f'{CAR}; order="unk"', OURS),
        (f"{CAR};dups=y, {CAR};q=0.1", OURS),
        (f"{CAR};dups=y", 406),
        (f"{CAR};version=2", 406),
        ("application/x-tar", 406),
        ("application/vnd.ipld.dag-json", 406),
        ("application/vnd.ipld.dag-json, */*;q=0.1", "file"),
        (f"{RAW};q=nonsense", "file"),
        (";;,,;q=1", "file"),
    ],
)
async def test_the_form_is_negotiated(door: Door, client: httpx.AsyncClient, accept: str, answered: str | int) -> None:
    answer = await client.get(f"/ipfs/{door.content.add_file(STAR)}", headers={"accept": accept})
    if isinstance(answered, int):
        assert answer.status_code == answered
    else:
        assert answer.status_code == 200
        assert answer.headers["vary"] == "accept"
        wanted = "application/octet-stream" if answered == "file" else answered
        assert answer.headers["content-type"] == wanted


@pytest.mark.parametrize(
    ("query", "accept", "told"),
    [
        ("", RAW, "?format=raw"),
        ("", CAR, "?format=car"),
        ("dag-scope=block", CAR, "?dag-scope=block&format=car"),
        ("format=raw", CAR, "?format=raw"),
        ("format=raw", RAW, None),
        ("format=raw", "*/*", None),
        ("", "*/*", None),
    ],
)
async def test_content_location_names_the_address_that_always_gives_this_form(
    door: Door, client: httpx.AsyncClient, query: str, accept: str, told: str | None
) -> None:
    cid = door.content.add_file(STAR)
    answer = await client.get(f"/ipfs/{cid}?{query}", headers={"accept": accept})
    assert answer.headers.get("content-location") == (None if told is None else f"/ipfs/{cid}{told}")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("format=", 400),
        ("format=html", 400),
        ("format=" + "x" * 100, 400),
        ("format=tar", 406),
        ("format=dag-json", 406),
        ("format=json", 406),
        ("format=cbor", 406),
        ("format=ipns-record", 406),
        ("format=car&dag-scope=some", 400),
        ("format=car&entity-bytes=1", 400),
        ("format=car&entity-bytes=a:b", 400),
        ("format=car&entity-bytes=*:5", 400),
        ("format=car&entity-bytes=500:*", 400),
        ("format=car&car-version=2", 406),
        ("format=car&car-dups=y", 406),
        ("format=car&car-order=bfs", 406),
        ("format=car&car-version=1&car-order=dfs&car-dups=n", 200),
        ("format=raw&dag-scope=some&car-version=2", 200),
        ("something=else", 200),
    ],
)
async def test_forms_that_are_unknown_or_not_offered(
    door: Door, client: httpx.AsyncClient, query: str, status: int
) -> None:
    answer = await client.get(f"/ipfs/{door.content.add_file(STAR)}?{query}")
    assert answer.status_code == status
    assert status == 200 or answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_probe_that_every_gateway_answers(client: httpx.AsyncClient) -> None:
    for query, media_type in (("?format=raw", RAW), ("?format=car", OURS)):
        answer = await client.get(f"/ipfs/bafkqaaa{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert (await client.head(f"/ipfs/bafkqaaa{query}")).status_code == 200
    assert (await client.get("/ipfs/bafkqaaa?format=raw")).content == b""
    archive = (await client.get("/ipfs/bafkqaaa?format=car")).content
    # One byte that says how long the header is, then the header with the CID that stands for nothing.
    assert archive[0] == len(archive) - 1
    assert b"\xd8\x2a\x45\x00\x01\x55\x00\x00" in archive


async def test_what_is_missing_is_told_before_an_archive_begins(door: Door, client: httpx.AsyncClient) -> None:
    missing = str(Cid.of("raw", b"nothing"))
    for form in ("raw", "car"):
        assert (await client.get(f"/ipfs/{missing}?format={form}")).status_code == 404
        assert (await client.head(f"/ipfs/{missing}?format={form}")).status_code == 404
        assert (await client.get(f"/ipfs/{_tree(door)}/no/thing?format={form}")).status_code == 404


async def test_blocks_that_are_no_files_are_given_as_blocks_only(door: Door, client: httpx.AsyncClient) -> None:
    data = b"\x0a\x02\x08\x05"  # a dag-pb node with the UnixFS message of a sharded directory
    cid = Cid.of("dag-pb", data)
    door.content.blocks[str(cid)] = data
    assert (await client.get(f"/ipfs/{cid}")).status_code == 400
    assert (await client.get(f"/ipfs/{cid}?format=raw")).content == data
    assert await _cids(client, f"/ipfs/{cid}?format=car&dag-scope=entity") == [cid]
