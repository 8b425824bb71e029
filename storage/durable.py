"""Writing a file so that it is either there in full after a crash, or not there at all."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class DraftFile(Protocol):
    """What a draft is written through. Raises `OSError`."""

    def write(self, chunk: bytes, /) -> int: ...

    def flush(self) -> None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class DraftOpener(Protocol):
    """Makes a new file for writing; one of that name must not exist."""

    def __call__(self, path: Path) -> DraftFile: ...


def open_draft(path: Path) -> DraftFile:
    """A new file on the disk. Raises `OSError`."""
    return open(path, "xb")


class Draft:
    """A file that is being written, and takes its place only when it is whole."""

    def __init__(self, folder: Path, opener: DraftOpener = open_draft) -> None:
        # On the file system of its later place, because a rename is atomic only inside one.
        self._path = folder / f".{secrets.token_hex(12)}.tmp"
        self._file = opener(self._path)

    def write(self, chunk: bytes) -> None:
        """Add `chunk`. Raises `OSError`."""
        self._file.write(chunk)

    def place(self, path: Path) -> None:
        """Sync it and put it at `path`, replacing what was there, in one step that survives a crash. Raises `OSError`.

        The folder of `path` must exist.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with _locked(path.parent, fcntl.LOCK_SH) as folder:
            os.replace(self._path, path)
            os.fsync(folder)

    def discard(self) -> None:
        """Leave nothing of it behind; harmless after `place`."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def write_durably(path: Path, content: bytes, opener: DraftOpener = open_draft) -> None:
    """Put `content` at `path`, replacing what was there, in one step that survives a crash.

    The folder of `path` must exist. Raises `OSError`; then nothing has changed.
    """
    draft = Draft(path.parent, opener)
    try:
        draft.write(content)
        draft.place(path)
    except BaseException:
        draft.discard()
        raise


def remove_unless_written_since(path: Path, moment: float | None) -> bool:
    """Remove `path` if nothing was placed there since `moment` (Unix seconds; None: always); says whether it did.

    Nobody can place it between the look and the removal. Raises `OSError`, but not for a file that is not there.
    """
    try:
        with _locked(path.parent, fcntl.LOCK_EX) as folder:
            if moment is not None and path.stat().st_mtime >= moment:
                return False
            path.unlink()
            os.fsync(folder)
    except FileNotFoundError:
        return False
    return True


def make_folder_durably(folder: Path) -> None:
    """Create `folder` and its missing parents so that a crash does not lose them. Raises `OSError`."""
    if folder.is_dir():
        return
    make_folder_durably(folder.parent)
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: Path, mode: int) -> Iterator[int]:
    """The folder's descriptor, locked against whoever wants it otherwise: for microseconds, so waiting is right."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, mode)
        yield descriptor
    finally:
        os.close(descriptor)
