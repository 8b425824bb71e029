"""A broken blob is told of, mended from a pin if one has it, and never served."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gitex.errors import AssetNotFound, CorruptBlob, Unavailable
from gitex.metrics import CORRUPT_BLOBS
from storage.blobs import LocalBlobStore
from storage.healing_blobs import HealingBlobStore
from tests.fakes.stores import MemoryRecorder

STAR = b"star"
NAME = hashlib.sha256(STAR).hexdigest()


class Pins:
    """What a pin answers, and how often it was asked."""

    def __init__(self, answer: bytes | Exception | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def refetch(self, sha256: str) -> bytes | None:
        self.asked.append(sha256)
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Ward:
    def __init__(self, folder: Path, answer: bytes | Exception | None) -> None:
        self.below = LocalBlobStore(folder)
        self.pins = Pins(answer)
        self.recorder = MemoryRecorder()
        self.store = HealingBlobStore(self.below, self.pins.refetch, self.recorder)
        self.file = folder / NAME[:2] / NAME

    def counted(self, found: str, outcome: str) -> float:
        return self.recorder.counted(CORRUPT_BLOBS.name, found=found, outcome=outcome)


async def test_a_corrupt_blob_comes_back_from_a_pin_and_is_mended(tmp_path: Path) -> None:
    ward = Ward(tmp_path, STAR)
    await ward.store.put(STAR)
    ward.file.write_bytes(b"scar")
    assert await ward.store.get(NAME) == STAR
    assert await ward.below.get(NAME) == STAR
    assert ward.counted("corrupt", "healed") == 1
    assert await ward.store.get(NAME) == STAR
    assert ward.pins.asked == [NAME]


async def test_a_missing_blob_comes_back_whole_or_in_parts(tmp_path: Path) -> None:
    ward = Ward(tmp_path, STAR)
    assert [chunk async for chunk in ward.store.read(NAME, 1, 2)] == [b"ta"]
    ward.file.unlink()
    assert await ward.store.get(NAME) == STAR
    assert ward.counted("missing", "healed") == 2


@pytest.mark.parametrize("answer", [None, b"scar", Unavailable("the node hangs")])
async def test_what_no_pin_gives_back_rightly_is_lost_and_not_served(
    tmp_path: Path, answer: bytes | Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    ward = Ward(tmp_path, answer)
    await ward.store.put(STAR)
    ward.file.write_bytes(b"scar")
    with pytest.raises(CorruptBlob):
        await ward.store.get(NAME)
    assert ward.counted("corrupt", "lost") == 1
    assert NAME in caplog.text
    ward.file.unlink()
    with pytest.raises(AssetNotFound, match="missing"):
        await ward.store.get(NAME)
    assert not ward.file.exists()


async def test_many_readers_of_one_broken_blob_ask_the_pin_once(tmp_path: Path) -> None:
    ward = Ward(tmp_path, STAR)
    assert await asyncio.gather(*(ward.store.get(NAME) for _ in range(10))) == [STAR] * 10
    assert ward.pins.asked == [NAME]
    assert ward.counted("missing", "healed") == 1


async def test_a_name_that_is_none_is_not_looked_for(tmp_path: Path) -> None:
    ward = Ward(tmp_path, STAR)
    with pytest.raises(AssetNotFound, match="not a SHA-256"):
        await ward.store.get("../../etc/passwd")
    assert ward.pins.asked == []


async def test_bytes_that_cannot_be_kept_again_are_served_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    ward = Ward(tmp_path / "blobs", STAR)
    ward.file.parent.symlink_to(tmp_path / "nowhere")
    assert await ward.store.get(NAME) == STAR
