"""What is kept of the embedded chain when writing it is interrupted."""

import gzip
import os
from pathlib import Path

import pytest

from chain.durable_file import write_durably
from chain.saved_state import SavedState, UnusableState


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


def test_the_two_newest_states_are_kept(tmp_path: Path) -> None:
    saved = SavedState(tmp_path / "chain")
    for text in ("one", "two", "three"):
        saved.save(packed(text))
    assert [saved.unpacked(file) for file in saved.files()] == [b"three", b"two"]
    assert sorted(file.name for file in saved.folder.iterdir()) == ["state.json.gz", "state.previous.json.gz"]


@pytest.mark.parametrize("damage", [lambda content: content[:-3], lambda content: b"", lambda content: b"\0" * 40])
def test_a_damaged_state_is_found_out_and_put_aside(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    saved = SavedState(tmp_path)
    saved.save(packed("one" * 100))
    saved.save(packed("two" * 100))
    newest, _ = saved.files()
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.raises(UnusableState):
        saved.unpacked(newest)
    aside = saved.put_aside(newest)
    assert aside.exists()
    assert [saved.unpacked(file) for file in saved.files()] == [b"one" * 100]


def test_a_write_that_fails_leaves_both_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = SavedState(tmp_path)
    saved.save(packed("one"))
    saved.save(packed("two"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        saved.save(packed("three"))
    assert [saved.unpacked(file) for file in saved.files()] == [b"two", b"one"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_durable_write_makes_its_folder_and_replaces_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    write_durably(file, b"1")
    write_durably(file, b"2")
    assert file.read_bytes() == b"2"
    assert list(file.parent.iterdir()) == [file]
