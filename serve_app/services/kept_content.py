"""Content that tokens point to, fetched back from wherever it is pinned. Every block is checked by its hash."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

from gitex.errors import AssetDeleted, CidMismatch, GitexError, NotFound, TooLarge, Unavailable
from gitex.ports import PinTarget, PublicContent
from storage.ipfs.cid import Cid
from storage.ipfs.reader import read_file

MAX_PICTURE_BYTES = 256 * 2**20


class KeptContent(Protocol):
    """Files by their CID. Both methods raise `GitexError`s that say why a file cannot be had."""

    async def file(self, cid: str, most: int) -> bytes:
        """All of a file of at most so many bytes."""

    async def sha256(self, cid: str) -> str:
        """Of a file's bytes, in hex."""


class PinnedContent:
    """Implements `KeptContent`: what the read gateway shows, and else what the other pin targets have.

    What was deleted is gone, whoever still has it.
    """

    def __init__(
        self, public: PublicContent, targets: Sequence[PinTarget] = (), *, picture_bytes: int = MAX_PICTURE_BYTES
    ) -> None:
        """`targets`: not the embedded node, whose content `public` is. `picture_bytes`: the most that is hashed."""
        self._public = public
        self._targets = targets
        self._picture_bytes = picture_bytes

    async def file(self, cid: str, most: int) -> bytes:
        """Raises `TooLarge` for a longer one, and what `sha256` raises."""
        content = bytearray()
        async for part in read_file(self._block, Cid.parse(cid)):
            content += part
            if len(content) > most:
                raise TooLarge(f"{cid} has over {most} bytes")
        return bytes(content)

    async def sha256(self, cid: str) -> str:
        """Raises `NotFound`, `AssetDeleted`, `CidMismatch`, `Unavailable`; `InvalidInput` for what is no file."""
        digest, size = hashlib.sha256(), 0
        async for part in read_file(self._block, Cid.parse(cid)):
            digest.update(part)
            size += len(part)
            if size > self._picture_bytes:
                raise TooLarge(f"{cid} has over {self._picture_bytes} bytes")
        return digest.hexdigest()

    async def _block(self, cid: Cid) -> bytes:
        try:
            return await self._public.block(str(cid))
        except AssetDeleted:
            raise
        except (NotFound, CidMismatch, Unavailable) as problem:
            first: GitexError = problem
        for target in self._targets:
            try:
                return await target.block(str(cid))
            except GitexError:  # the next may have it
                continue
        raise first
