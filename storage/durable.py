"""Writing a file so that it is either there in full after a crash, or not there at all."""

import contextlib
import os
import secrets
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what was there, in one step that survives a crash.

    The folder of `path` must exist. Raises `OSError`; then nothing has changed.
    """
    # In the same folder, because a rename is atomic only inside one file system.
    draft = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    try:
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(path.parent)


def make_folder_durably(folder: Path) -> None:
    """Create `folder` and its missing parents so that a crash does not lose them. Raises `OSError`."""
    if folder.is_dir():
        return
    make_folder_durably(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
