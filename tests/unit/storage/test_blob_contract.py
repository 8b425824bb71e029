"""What every blob store promises: the local folder, any object store that fsspec reaches, and both when they heal."""

import asyncio
import hashlib
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import fsspec
import pytest

from gitex.errors import AssetNotFound, CorruptBlob, SettingsError, Unavailable
from gitex.ports import BlobStore
from storage.blob_stores import open_blobs
from storage.blobs import CHUNK, LocalBlobStore
from storage.blobs_fsspec import FsspecBlobStore
from storage.healing_blobs import HealingBlobStore
from tests.fakes.stores import MemoryRecorder

STAR = b"star"
STAR_NAME = hashlib.sha256(STAR).hexdigest()


class Place:
    """A store under test, and the way to its bytes past it."""

    def __init__(self, url: str, store: BlobStore) -> None:
        self.store = store
        self._fs, self._root = fsspec.url_to_fs(url, use_listings_cache=False)

    def damage(self, sha256: str, content: bytes) -> None:
        self._fs.pipe_file(f"{self._root}/{sha256[:2]}/{sha256}", content)

    def put_beside(self, name: str) -> None:
        self._fs.pipe_file(f"{self._root}/{STAR_NAME[:2]}/{name}", b"not a blob")


async def _nowhere(_: str) -> bytes | None:
    return None


@pytest.fixture(params=["local", "fsspec-file", "fsspec-memory", "s3", "healing"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    folder = tmp_path / "blobs"
    match request.param:
        case "local":
            return Place(f"file://{folder}", LocalBlobStore(folder))
        case "healing":
            return Place(f"file://{folder}", HealingBlobStore(LocalBlobStore(folder), _nowhere, MemoryRecorder()))
        case "fsspec-file":
            # With fsspec's own file system, which a file:// URL does not choose.
            return Place(f"file://{folder}", FsspecBlobStore(f"file://{folder}", auto_mkdir=True))
        case "fsspec-memory":
            url = f"memory://{secrets.token_hex(8)}"
            return Place(url, open_blobs(url, folder))
        case _:
            url = request.getfixturevalue("s3_url")
            return Place(url, open_blobs(url, folder))


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _read(store: BlobStore, sha256: str, start: int = 0, length: int | None = None) -> list[bytes]:
    return [chunk async for chunk in store.read(sha256, start, length)]


@pytest.mark.parametrize("content", [b"", STAR, b"\0" * 70_000])
async def test_what_was_put_comes_back(place: Place, content: bytes) -> None:
    sha256 = await place.store.put(content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert await place.store.put(content) == sha256
    assert await place.store.get(sha256) == content
    assert await place.store.size(sha256) == len(content)
    assert b"".join(await _read(place.store, sha256)) == content


async def test_a_stream_is_kept_under_the_digest_of_the_whole(place: Place) -> None:
    parts = [secrets.token_bytes(size) for size in (1, 0, 300_000, 7)]
    whole = b"".join(parts)
    assert await place.store.put_stream(_chunks(*parts)) == (hashlib.sha256(whole).hexdigest(), len(whole))
    assert await place.store.get(hashlib.sha256(whole).hexdigest()) == whole
    assert await place.store.put_stream(_chunks()) == (hashlib.sha256(b"").hexdigest(), 0)


async def test_a_stream_that_breaks_leaves_nothing(place: Place) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield STAR
        raise ConnectionResetError("the sender is gone")

    with pytest.raises(ConnectionResetError):
        await place.store.put_stream(broken())
    assert [name async for name, _ in place.store.names()] == []
    assert await place.store.sweep(time.time() + 3600) == 0


async def test_any_part_can_be_read_in_bounded_chunks(place: Place) -> None:
    content = secrets.token_bytes(2 * CHUNK + 5)
    sha256 = await place.store.put(content)
    assert [len(chunk) for chunk in await _read(place.store, sha256)] == [CHUNK, CHUNK, 5]
    for start, length in ((0, 1), (CHUNK - 1, 2), (2 * CHUNK, 100), (5, 0), (3, CHUNK + 1), (9 * CHUNK, 4)):
        assert b"".join(await _read(place.store, sha256, start, length)) == content[start : start + length]


@pytest.mark.parametrize("damage", [b"", b"stat", b"star!"])
async def test_corrupt_bytes_are_never_returned_and_a_new_put_heals_them(place: Place, damage: bytes) -> None:
    await place.store.put(STAR)
    place.damage(STAR_NAME, damage)
    with pytest.raises(CorruptBlob, match="corrupt"):
        await place.store.get(STAR_NAME)
    await place.store.put(STAR)
    assert await place.store.get(STAR_NAME) == STAR


async def test_what_is_not_there_is_not_found(place: Place) -> None:
    with pytest.raises(AssetNotFound, match="missing"):
        await place.store.get(STAR_NAME)
    with pytest.raises(AssetNotFound, match="missing"):
        await _read(place.store, STAR_NAME)
    assert await place.store.size(STAR_NAME) is None
    assert await place.store.delete(STAR_NAME) is False


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
async def test_only_a_sha256_names_anything(place: Place, name: str) -> None:
    for refused in (place.store.get(name), _read(place.store, name)):
        with pytest.raises(AssetNotFound, match=r"not a SHA-256|missing"):
            await refused
    assert await place.store.size(name) is None


async def test_deleted_bytes_are_gone(place: Place) -> None:
    await place.store.put(STAR)
    other = await place.store.put(b"other")
    assert await place.store.delete(STAR_NAME) is True
    with pytest.raises(AssetNotFound, match="missing"):
        await place.store.get(STAR_NAME)
    assert await place.store.get(other) == b"other"


async def test_bytes_that_were_put_again_since_are_not_deleted(place: Place) -> None:
    await place.store.put(STAR)
    assert await place.store.delete(STAR_NAME, written_before=time.time() - 3600) is False
    assert await place.store.get(STAR_NAME) == STAR
    assert await place.store.delete(STAR_NAME, written_before=time.time() + 3600) is True


async def test_everything_that_is_kept_is_listed_with_its_time(place: Place) -> None:
    wanted = {await place.store.put(bytes([number])) for number in range(20)}
    await place.store.put(STAR)
    place.put_beside("README.txt")
    listed = {name: written async for name, written in place.store.names()}
    assert set(listed) == wanted | {STAR_NAME}
    assert all(abs(written - time.time()) < 60 for written in listed.values())
    await place.store.delete(STAR_NAME)
    assert {name async for name, _ in place.store.names()} == wanted


async def test_many_writers_of_the_same_bytes_agree(place: Place) -> None:
    assert set(await asyncio.gather(*(place.store.put(STAR) for _ in range(8)))) == {STAR_NAME}
    assert [name async for name, _ in place.store.names()] == [STAR_NAME]


async def test_a_large_object_goes_to_s3_in_parts(s3_url: str, tmp_path: Path) -> None:
    store = open_blobs(s3_url, tmp_path)
    piece = secrets.token_bytes(2**20)
    sha256, size = await store.put_stream(_chunks(*[piece] * 20))
    assert size == 20 * 2**20
    assert await store.get(sha256) == piece * 20
    fs, root = fsspec.url_to_fs(s3_url)
    etag = fs.info(f"{root}/{sha256[:2]}/{sha256}")["ETag"].strip('"')
    assert etag.endswith("-3")  # S3's mark of an object that came in three parts


async def test_a_bucket_that_is_not_there_is_unavailable_or_empty(s3_endpoint: str, tmp_path: Path) -> None:
    store = open_blobs(f"s3://gitex-{secrets.token_hex(8)}", tmp_path)
    with pytest.raises((Unavailable, AssetNotFound)):
        await store.put(STAR)


async def test_a_server_that_is_gone_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = open_blobs("s3://bucket", tmp_path)
    try:
        with pytest.raises(Unavailable, match="blob store failed"):
            await store.put(STAR)
    finally:
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_without_s3fs_the_setting_names_the_extra() -> None:
    script = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from storage.blobs_fsspec import FsspecBlobStore\n"
        "FsspecBlobStore('s3://bucket')\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "SettingsError: GITEX_BLOB_URL" in run.stderr
    assert "the extra `s3`" in run.stderr


@pytest.mark.parametrize("url", ["nosuch://bucket", "ipfs+nosuch://x"])
def test_a_store_that_nobody_knows_is_refused_by_the_name_of_the_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GITEX_BLOB_URL"):
        open_blobs(url, tmp_path)


async def test_a_file_url_is_the_local_store(tmp_path: Path) -> None:
    assert isinstance(open_blobs(f"file://{tmp_path}/b", tmp_path / "other"), LocalBlobStore)
    await open_blobs(f"file://{tmp_path}/b%20c", tmp_path / "other").put(STAR)
    assert await LocalBlobStore(tmp_path / "b c").get(STAR_NAME) == STAR
