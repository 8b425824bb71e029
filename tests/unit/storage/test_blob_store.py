"""The local blob store: what comes back is what went in, or an error."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitex.errors import AssetNotFound, Unavailable
from storage.blobs import LocalBlobStore
from storage.durable import write_durably


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=4096))
def test_put_then_get_gives_the_same_bytes(tmp_path: Path, content: bytes) -> None:
    store = LocalBlobStore(tmp_path)
    sha256 = asyncio.run(store.put(content))
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert asyncio.run(store.get(sha256)) == content


async def test_the_same_bytes_are_kept_once_and_no_draft_is_left(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "deep" / "blobs")
    names = await asyncio.gather(*(store.put(b"star") for _ in range(8)))
    assert len(set(names)) == 1
    assert [path.name for path in _files(tmp_path)] == [names[0]]


@pytest.mark.parametrize("damage", [b"", b"stat", b"star!"])
async def test_a_corrupt_blob_is_never_returned_and_a_new_put_heals_it(tmp_path: Path, damage: bytes) -> None:
    store = LocalBlobStore(tmp_path)
    sha256 = await store.put(b"star")
    _files(tmp_path)[0].write_bytes(damage)
    with pytest.raises(AssetNotFound, match="corrupt"):
        await store.get(sha256)
    await store.put(b"star")
    assert await store.get(sha256) == b"star"


async def test_a_missing_blob_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(AssetNotFound, match="missing"):
        await LocalBlobStore(tmp_path).get("0" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
async def test_only_a_sha256_can_be_asked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssetNotFound, match="not a SHA-256"):
        await LocalBlobStore(tmp_path).get(name)


async def test_a_disk_that_does_not_take_the_bytes_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="cannot write"):
        await LocalBlobStore(tmp_path / "blobs").put(b"star")


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "star.png"
    target.mkdir()
    (target / "kept").touch()
    with pytest.raises(OSError, match="directory"):
        write_durably(target, b"new")
    assert _files(tmp_path) == [target / "kept"]


def test_a_written_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    write_durably(tmp_path / "star.png", b"star")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "star.png").stat().st_mode) == 0o666 & ~umask
