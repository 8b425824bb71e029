"""An IPFS node on its bad days: the call ends in time, in our words, and the next one works."""

import asyncio
import hashlib
import tempfile
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gitex.errors import AssetNotFound, CidMismatch, CorruptBlob, NotFound, SettingsError, Unavailable
from gitex.publishing import Content, PinStatus
from storage.blobs import LocalBlobStore
from storage.ipfs.cid import Cid
from storage.ipfs.kubo import KuboNode, KuboPatience
from storage.ipfs.unixfs import file_cid
from tests.fakes import kubo_server
from tests.fakes.kubo_server import Behaviour, Exchange, ScriptedNode, says, scripted_node, sends
from tests.fakes.ports import free_port

STAR = b"a star"
CID = Cid.of("raw", STAR)
CONTENT = Content(str(CID), "star.png", hashlib.sha256(STAR).hexdigest(), len(STAR))
GOOD_ADD = says({"Name": str(CID), "Hash": str(CID), "Size": "6"})
IMPATIENT = KuboPatience(connect_s=0.5, call_s=0.5, block_s=0.1)
THREADS = 2


@pytest.fixture
async def node() -> AsyncIterator[ScriptedNode]:
    async with scripted_node() as node:
        yield node


@pytest.fixture
async def blobs(tmp_path: Path) -> LocalBlobStore:
    store = LocalBlobStore(tmp_path / "blobs")
    await store.put(STAR)
    return store


@pytest.fixture
async def kubo(node: ScriptedNode, blobs: LocalBlobStore) -> AsyncIterator[KuboNode]:
    kubo = KuboNode(node.address, blobs, IMPATIENT, threads=THREADS)
    yield kubo
    await kubo.close()


async def _until(happened: Callable[[], bool]) -> None:
    """Let the loop and the threads go on until it has."""
    while not happened():  # noqa: ASYNC110 - what happens outside the loop sets no event
        await asyncio.sleep(0.001)


async def test_content_is_added_pinned_with_raw_leaves_and_cid_version_1(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/add"] = GOOD_ADD
    assert await kubo.pin(CONTENT) == PinStatus("pinned")
    [asked] = node.asked
    assert {"pin=True", "raw-leaves=True", "cid-version=1"} <= set(asked.partition("?")[2].split("&"))


OTHER = Cid.of("raw", b"another")


@pytest.mark.parametrize("answer", [str(OTHER), "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "no\x1b CID", ""])
async def test_a_wrong_cid_is_a_loud_error_and_is_let_go(node: ScriptedNode, kubo: KuboNode, answer: str) -> None:
    node.behaviours |= {"/add": says({"Hash": answer}), "/pin/rm": says({"Pins": [answer]})}
    with pytest.raises(CidMismatch, match=str(CID)) as raised:
        await kubo.pin(CONTENT)
    assert raised.value.message.isprintable()
    unpinned = [path for path in node.asked if path.startswith("/pin/rm")]
    assert len(unpinned) == (1 if len(answer) > 10 else 0)
    assert all(f"arg={answer}" in path for path in unpinned)


async def test_a_wrong_cid_stays_loud_when_the_node_does_not_let_it_go(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours |= {"/add": says({"Hash": str(OTHER)}), "/pin/rm": sends(b"no", status="500 Broken")}
    with pytest.raises(CidMismatch):
        await kubo.pin(CONTENT)


async def _wrong_block(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nanother star")


BAD_DAYS: dict[str, Behaviour] = {
    "it hangs": kubo_server.hangs,
    "it drips a header": kubo_server.drips_a_header,
    "it drips a body": kubo_server.drips_a_body,
    "it closes the connection": kubo_server.closes,
    "it closes the connection at once": kubo_server.closes_at_once,
    "it breaks off": sends(b'{"Hash": "ba', kind="application/json", length=100),
    "it claims a huge answer": sends(b"{", kind="application/json", length=10**12),
    "500 without words": sends(b"", status="500 Internal Server Error"),
    "500 as HTML": sends(b"<html>oops</html>", status="502 Bad Gateway"),
    "500 as Kubo says it": says({"Message": "merkledag: disk I/O \x1b error", "Code": 0, "Type": "error"}, "500 No"),
    "403": sends(b"403 Forbidden", status="403 Forbidden"),
    "a login page": sends(b"<html>who are you?</html>"),
    "nothing": sends(b""),
    "not UTF-8": sends(b'{"Hash": "\xff\xfe"}'),
    "a list": says([1, 2]),
    "a number": says(7),
    "an object without what is asked for": says({"Hsh": 1}),
    "two objects": sends(b'{"Hash": "a"}\n{"Hash": "b"}'),
    "an error after some data": sends(b'{"Name": "a"}\n{"Message": "disk full", "Type": "error"}'),
    "an error without words": sends(b'{"Type": "error"}'),
    "endless nesting": sends(b"[" * 200_000),
    "not HTTP": lambda exchange: exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n"),
}


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_on_every_bad_day_all_calls_end_in_time_as_unavailable(
    node: ScriptedNode, kubo: KuboNode, day: str
) -> None:
    node.behaviours = dict.fromkeys(["/add", "/pin/ls", "/pin/rm", "/version", "/block/get"], BAD_DAYS[day])
    calls = [kubo.pin(CONTENT), kubo.status(str(CID)), kubo.unpin(str(CID)), kubo.check()]
    began = time.monotonic()
    for call in calls:
        with pytest.raises(Unavailable) as raised:
            await call
        assert raised.value.message.startswith("the IPFS node ")
        assert raised.value.message.isprintable()
    assert time.monotonic() - began < len(calls) * (IMPATIENT.call_s + 0.5)


async def test_a_redirect_is_not_followed(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/version"] = sends(b"", status="307 Over There\r\nlocation: /api/v0/elsewhere")
    node.behaviours["/elsewhere"] = says({"Version": "0.40.0"})
    with pytest.raises(Unavailable, match="redirects"):
        await kubo.check()
    assert not any("elsewhere" in path for path in node.asked)


async def test_a_node_that_is_not_there_is_unavailable(blobs: LocalBlobStore) -> None:
    kubo = KuboNode(f"/ip4/127.0.0.1/tcp/{free_port()}/http", blobs, IMPATIENT)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await kubo.pin(CONTENT)
    await kubo.close()


async def test_500_for_a_while_then_it_works(node: ScriptedNode, kubo: KuboNode) -> None:
    answers = iter([sends(b"", status="500 No"), sends(b"", status="500 No"), GOOD_ADD])

    async def next_answer(exchange: Exchange) -> None:
        await next(answers)(exchange)

    node.behaviours["/add"] = next_answer
    for _ in range(2):
        with pytest.raises(Unavailable):
            await kubo.pin(CONTENT)
    assert await kubo.pin(CONTENT) == PinStatus("pinned")


@pytest.mark.parametrize("day", [kubo_server.hangs, kubo_server.drips_a_header, kubo_server.drips_a_body])
async def test_calls_that_hang_give_their_threads_back(node: ScriptedNode, kubo: KuboNode, day: Behaviour) -> None:
    node.behaviours["/add"] = day
    node.behaviours["/version"] = says({"Version": "0.40.0"})
    hung = await asyncio.gather(*(kubo.pin(CONTENT) for _ in range(3 * THREADS)), return_exceptions=True)
    assert [type(problem) for problem in hung] == [Unavailable] * len(hung)
    await kubo.check()


async def test_hung_calls_leave_the_event_loops_own_threads_alone(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/version"] = kubo_server.drips_a_header
    hung = [asyncio.create_task(kubo.check()) for _ in range(100)]
    await _until(lambda: len(node.asked) == THREADS)
    async with asyncio.timeout(0.3):
        assert await asyncio.to_thread(lambda: 7) == 7
    await asyncio.gather(*hung, return_exceptions=True)
    assert len(node.asked) <= 2 * THREADS


async def test_a_caller_that_leaves_frees_the_thread(node: ScriptedNode, blobs: LocalBlobStore) -> None:
    kubo = KuboNode(node.address, blobs, KuboPatience(), threads=1)
    node.behaviours |= {"/add": kubo_server.drips_a_header, "/version": says({"Version": "0.40.0"})}
    leaving = asyncio.create_task(kubo.pin(CONTENT))
    await _until(lambda: bool(node.asked))
    leaving.cancel()
    async with asyncio.timeout(2):
        await kubo.check()
    await kubo.close()


async def test_closing_ends_running_and_waiting_and_later_calls(node: ScriptedNode, blobs: LocalBlobStore) -> None:
    before = threading.active_count()
    kubo = KuboNode(node.address, blobs, KuboPatience(), threads=1)
    node.behaviours["/version"] = kubo_server.drips_a_body
    calls = [asyncio.create_task(kubo.check()) for _ in range(3)]
    await _until(lambda: bool(node.asked))
    await kubo.close()
    async with asyncio.timeout(2):
        ended = await asyncio.gather(*calls, return_exceptions=True)
        await _until(lambda: threading.active_count() <= before)
    assert [type(problem) for problem in ended] == [Unavailable] * 3
    with pytest.raises(Unavailable, match="closed"):
        await kubo.check()


async def test_wrong_bytes_for_a_block_are_a_mismatch(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/block/get"] = _wrong_block
    with pytest.raises(CidMismatch):
        await kubo.block(str(CID))


async def test_a_block_without_end_is_not_kept(node: ScriptedNode, kubo: KuboNode) -> None:
    async def flood(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"100000\r\n", bytes(2**20), b"\r\n")

    node.behaviours["/block/get"] = flood
    with pytest.raises(Unavailable, match="more bytes than"):
        await kubo.block(str(CID))


MISSING = [
    "block was not found locally (offline): ipld: could not find bafk",
    "blockservice: key not found",
    "Failed to get block: request timed out",
]
NOT_PINNED = [
    f"path '{CID}' is not pinned",
    "not pinned or pinned indirectly",
    f"Failed to remove pin: {CID} is pinned indirectly under indirect",
]


@pytest.mark.parametrize("message", MISSING)
async def test_a_block_that_the_node_says_it_lacks_is_not_found(
    node: ScriptedNode, kubo: KuboNode, message: str
) -> None:
    node.behaviours["/block/get"] = says({"Message": message, "Code": 0, "Type": "error"}, "500 Internal Server Error")
    with pytest.raises(NotFound):
        await kubo.block(str(CID))
    assert "timeout=100ms" in node.asked[0]
    assert "offline=true" in node.asked[0]


@pytest.mark.parametrize("message", NOT_PINNED)
async def test_a_root_that_is_only_pinned_by_another_one_does_not_count(
    node: ScriptedNode, kubo: KuboNode, message: str
) -> None:
    refusal = {"Message": message, "Code": 0, "Type": "error"}
    node.behaviours |= {"/pin/ls": says(refusal, "500 No"), "/pin/rm": says(refusal, "500 No")}
    assert await kubo.status(str(CID)) is None
    assert "type=recursive" in node.asked[0]
    await kubo.unpin(str(CID))


async def test_a_listing_of_another_root_does_not_count(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/pin/ls"] = says({"Keys": {str(OTHER): {"Type": "recursive"}}})
    assert await kubo.status(str(CID)) is None


@pytest.mark.parametrize("damage", [b"a stain", b"a tar", b"a st", b""])
async def test_a_corrupt_blob_is_never_sent_to_its_end(
    node: ScriptedNode, kubo: KuboNode, tmp_path: Path, damage: bytes
) -> None:
    added: list[int] = []

    async def add(exchange: Exchange) -> None:
        added.append(await exchange.drain_body())
        await GOOD_ADD(exchange)

    node.behaviours["/add"] = add
    [kept] = (tmp_path / "blobs").rglob(CONTENT.blob)
    kept.write_bytes(damage)
    with pytest.raises(CorruptBlob):
        await kubo.pin(CONTENT)
    assert added == []


async def test_a_missing_blob_never_reaches_the_node(node: ScriptedNode, kubo: KuboNode, tmp_path: Path) -> None:
    [kept] = (tmp_path / "blobs").rglob(CONTENT.blob)
    kept.unlink()
    with pytest.raises(AssetNotFound):
        await kubo.pin(CONTENT)
    assert node.asked == []


async def test_a_temporary_folder_that_cannot_be_written_is_told_as_such(
    node: ScriptedNode, kubo: KuboNode, blobs: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(3 * 2**20)
    content = Content(str(file_cid([data])), "large", await blobs.put(data), len(data))
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with pytest.raises(Unavailable, match="temporary folder"):
        await kubo.pin(content)
    assert node.asked == []


async def test_an_address_that_the_library_cannot_use_is_a_bad_setting(blobs: LocalBlobStore) -> None:
    kubo = KuboNode("/ip4/127.0.0.1/udp/5001", blobs, IMPATIENT)
    with pytest.raises(SettingsError, match="GITEX_IPFS_API"):
        await kubo.check()
    await kubo.close()


async def test_a_proxy_in_the_environment_is_not_asked(
    node: ScriptedNode, kubo: KuboNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    node.behaviours["/version"] = says({"Version": "0.40.0"})
    await kubo.check()


async def test_100_mb_are_added_in_bounded_memory(node: ScriptedNode, tmp_path: Path) -> None:
    megabytes, piece = 100, bytes(range(256)) * 4096

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(megabytes):
            yield piece

    blobs = LocalBlobStore(tmp_path / "large")
    sha256, size = await blobs.put_stream(pieces())
    content = Content(str(file_cid(piece for _ in range(megabytes))), "large", sha256, size)
    node.behaviours["/add"] = says({"Hash": content.cid})
    kubo = KuboNode(node.address, blobs)
    tracemalloc.start()
    assert await kubo.pin(content) == PinStatus("pinned")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await kubo.close()
    assert peak < 16 * 2**20
