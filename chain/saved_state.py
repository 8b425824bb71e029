"""What is kept of the embedded chain: its last two states, as anvil dumps them."""

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chain.durable_file import write_durably


class UnusableState(Exception):
    """A saved state cannot be read. Never leaves this room."""


class SavedState:
    """Files of one folder: `state.json.gz`, the one before it, and what had to be put aside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current = folder / "state.json.gz"
        self._previous = folder / "state.previous.json.gz"

    def save(self, dump: bytes) -> None:
        """Keep a dump, in gzip as anvil gives it; on the disk when this returns. Raises `OSError`."""
        write_durably(self._current, dump, previous=self._previous)

    def files(self) -> Iterator[Path]:
        """Those there are, the newest first."""
        yield from (file for file in (self._current, self._previous) if file.exists())

    def unpacked(self, file: Path) -> bytes:
        """As JSON. Raises `UnusableState` if it is half written or not what was written: gzip has a checksum."""
        try:
            content = gzip.decompress(file.read_bytes())
        except (OSError, EOFError, zlib.error) as problem:
            raise UnusableState(f"{file} cannot be read: {problem}") from problem
        if not content:  # gzip takes a file of no bytes for one of no content
            raise UnusableState(f"{file} is empty")
        return content

    def put_aside(self, file: Path) -> Path:
        """Rename a file that is of no use, so that somebody may look at it; its new name."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        return file.rename(self.folder / f"unusable-{moment}-{file.name}")
