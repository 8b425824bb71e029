"""Files that are either the old ones or the new ones, whole, whatever happens while they are written."""

import os
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, content: bytes, *, previous: Path | None = None) -> None:
    """Replace `path`; on the disk when this returns. What was there before is `previous` then, if given.

    Makes the folder. Raises `OSError`, and then the old file is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            _link(path, previous)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _link(path: Path, name: Path) -> None:
    """A second name for the same file, in place of whatever had that name."""
    new = name.with_name(f".{name.name}.new")
    with suppress(FileNotFoundError):
        new.unlink()
    os.link(path, new)
    new.replace(name)
