"""An IPFS node that is spoken to by the Kubo RPC, as a place to pin content."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from gitex.errors import CidMismatch, GitexError, InvalidInput, NotFound, Unavailable
from gitex.ports import BlobStore
from gitex.publishing import Content, PinStatus
from storage.ipfs.cid import Cid
from storage.ipfs.kubo_call import MAX_ANSWER_BYTES, KuboCall
from storage.ipfs.kubo_errors import AnswerTooLong, NodeRefused, said
from storage.ipfs.spool import spooled

T = TypeVar("T")

# How nodes say it, in lower case: Kubo, and js-ipfs, which waits for others to bring the block even when it is offline.
_NO_BLOCK = ("not found", "could not find", "request timed out")
_NO_PIN = ("not pinned", "pinned indirectly")


@dataclass(frozen=True)
class KuboPatience:
    """How long a node is waited for, in seconds, whether it is silent or drips bytes."""

    connect_s: float = 5.0
    call_s: float = 30.0
    """A whole call, from waiting for a free thread to the last byte."""
    block_s: float = 5.0
    """How long the node itself may look for a block."""
    add_bytes_per_s: float = 2**20
    """Adding content may take `call_s` and its size over this."""


class KuboNode:
    """Implements `gitex.ports.PinTarget`. At most `threads` calls run at once, in threads of its own."""

    name = "kubo"

    def __init__(
        self, address: str, blobs: BlobStore, patience: KuboPatience | None = None, *, threads: int = 4
    ) -> None:
        """`address` is a multiaddr, as `configs.ipfs_address.parse_ipfs_api` gives it."""
        self._address, self._blobs, self._patience = address, blobs, patience or KuboPatience()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="kubo")
        self._calls: set[KuboCall] = set()
        self._is_closed = False

    async def pin(self, content: Content) -> PinStatus:
        """Add the content and pin it. Doing it again mends blocks that the node has lost.

        Raises `CidMismatch` if the node names other content, which it is then asked to let go; `AssetNotFound` or
        `CorruptBlob` if the blob store does not have the bytes; `Unavailable`.
        """
        wanted = Cid.parse(content.cid)
        seconds = self._patience.call_s + content.size / self._patience.add_bytes_per_s
        async with spooled(self._blobs, content) as file:
            answer = await self._call(
                # The library's own default for `raw_leaves` is sent to the node, and gives another CID.
                lambda client: str(client.add(file, pin=True, raw_leaves=True, cid_version=1)["Hash"]),
                seconds,
            )
        if _same(answer, wanted):
            return PinStatus("pinned")
        await self._let_go(answer)
        raise CidMismatch(f"the IPFS node was given {wanted} and calls it {said(answer)!r}")

    async def status(self, cid: str) -> PinStatus | None:
        """`pinned`, or None if that root is not pinned with all below it. Raise `Unavailable`, `InvalidInput`."""
        wanted = Cid.parse(cid)
        try:
            keys = await self._call(lambda client: list(client.pin.ls(str(wanted), type="recursive")["Keys"]))
        except NodeRefused as refusal:
            if _says(refusal, _NO_PIN):
                return None
            raise
        return PinStatus("pinned") if any(_same(str(key), wanted) for key in keys) else None

    async def unpin(self, cid: str) -> None:
        """Let the root go; no error if it is not pinned. Raise `Unavailable`, `InvalidInput`."""
        wanted = Cid.parse(cid)
        try:
            await self._call(lambda client: client.pin.rm(str(wanted))["Pins"])
        except NodeRefused as refusal:
            if not _says(refusal, _NO_PIN):
                raise

    async def block(self, cid: str) -> bytes:
        """One block that the node itself has, checked.

        Raises `NotFound`, `CidMismatch`, `Unavailable`, `InvalidInput`.
        """
        wanted = Cid.parse(cid)
        options = {"timeout": f"{round(1000 * self._patience.block_s)}ms"}
        try:
            content = await self._call(
                lambda client: _whole(client.block.get(str(wanted), offline=True, stream=True, opts=options))
            )
        except NodeRefused as refusal:
            if _says(refusal, _NO_BLOCK):
                raise NotFound(f"the IPFS node does not have block {wanted}") from refusal
            raise
        wanted.check(content)
        return content

    async def check(self) -> None:
        """Return if it answers. Raise `Unavailable`."""
        await self._call(lambda client: client.version()["Version"])

    async def close(self) -> None:
        """End running and waiting calls with `Unavailable`; later ones get it too."""
        self._is_closed = True
        for call in self._calls:
            call.cut()
        self._threads.shutdown(wait=False)

    async def _call(self, work: Callable[[Any], T], seconds: float | None = None) -> T:
        """Run `work` on a client in a thread; on time-out and on cancellation its connection is cut."""
        if self._is_closed:
            raise Unavailable("the connection to the IPFS node is closed")
        seconds = self._patience.call_s if seconds is None else seconds
        call = KuboCall(self._address, connect_s=self._patience.connect_s, silence_s=seconds)
        self._calls.add(call)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call.run, work)
        except TimeoutError as problem:
            raise Unavailable(f"the IPFS node does not answer within {seconds:g} s") from problem
        finally:
            call.cut()
            self._calls.discard(call)

    async def _let_go(self, answer: str) -> None:
        # The mismatch is what the caller has to hear of; what stays pinned harms nobody.
        with suppress(GitexError):
            await self.unpin(answer)


def _same(answer: str, wanted: Cid) -> bool:
    """Nodes name CIDs in base58 or base32, and in version 0 or 1."""
    try:
        return Cid.parse(answer).v1() == wanted.v1()
    except InvalidInput:
        return False


def _says(refusal: NodeRefused, phrases: Iterable[str]) -> bool:
    return any(phrase in refusal.message.lower() for phrase in phrases)


def _whole(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise AnswerTooLong(f"more than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)
