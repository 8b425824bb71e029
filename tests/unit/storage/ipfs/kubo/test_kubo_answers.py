"""What an IPFS node is asked, what it may answer, and what is made of it."""

import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitex.errors import AssetNotFound, CidMismatch, CorruptBlob, NotFound, SettingsError, Unavailable
from gitex.publishing import Content, PinStatus
from storage.blobs import LocalBlobStore
from storage.ipfs.kubo import KuboNode
from storage.ipfs.unixfs import file_cid
from tests.fakes.kubo_server import Exchange, ScriptedNode, says, sends
from tests.fakes.ports import free_port
from tests.unit.storage.ipfs.kubo.star import CID, CONTENT, GOOD_ADD, IMPATIENT, OTHER


async def test_content_is_added_pinned_with_raw_leaves_and_cid_version_1(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/add"] = GOOD_ADD
    assert await kubo.pin(CONTENT) == PinStatus("pinned")
    [asked] = node.asked
    assert {"pin=True", "raw-leaves=True", "cid-version=1"} <= set(asked.partition("?")[2].split("&"))


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
