"""A blob as something that a thread can read, and that proves to be the right one before its end is reached."""

import asyncio
import errno
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from gitex.errors import CorruptBlob, StorageFull, Unavailable
from gitex.ports import BlobStore
from gitex.publishing import Content

IN_MEMORY_BYTES = 2 * 2**20


class Spooled:
    """Bytes to read once, without the name of their file, which a client would tell the node."""

    def __init__(self, file: IO[bytes], sha256: str) -> None:
        self._file, self._sha256, self._digest = file, sha256, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, none at the end. Raise `CorruptBlob` at the end if they were the wrong ones.

        So who sends them on never comes to the end of wrong ones, and reads right ones only once.
        """
        piece = self._file.read(size)
        self._digest.update(piece)
        if not piece and self._digest.hexdigest() != self._sha256:
            raise CorruptBlob(f"blob {self._sha256} is corrupt: its bytes are not the ones that were stored")
        return piece


@asynccontextmanager
async def spooled(blobs: BlobStore, content: Content) -> AsyncIterator[Spooled]:
    """The content's bytes, in memory if they are few, else in a temporary file.

    Raises `AssetNotFound` if there is no such blob, `StorageFull` and `Unavailable` if it cannot be read or held.
    """
    is_small = content.size <= IN_MEMORY_BYTES
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        async for chunk in blobs.read(content.blob, 0, content.size):
            try:
                if is_small:
                    file.write(chunk)
                else:
                    await asyncio.to_thread(file.write, chunk)
            except OSError as problem:
                kind = StorageFull if problem.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
                raise kind(f"the temporary folder does not hold blob {content.blob}: {problem}") from problem
        file.seek(0)
        yield Spooled(file, content.blob)
