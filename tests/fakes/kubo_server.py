"""A server in the place of an IPFS node, down to the bytes: each request is answered as the test scripts it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.connections import listening

Behaviour = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request on a connection of its own; `path` is without `/api/v0` and with its query."""

    path: str
    chunked: bool
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def drain_body(self) -> int:
        """Read the request's body to its end; returns how many bytes it took."""
        size, tail = 0, b""
        while self.chunked and not tail.endswith(b"\r\n0\r\n\r\n"):
            piece = await self.reader.read(2**18)
            if not piece:
                raise ConnectionResetError
            size, tail = size + len(piece), (tail + piece)[-8:]
        return size

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()


@dataclass
class ScriptedNode:
    """Answers each command by `behaviours`, which tests set; remembers what was asked."""

    address: str = ""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split()[1].removeprefix("/api/v0")
            self.asked.append(path)
            exchange = Exchange(path, "transfer-encoding: chunked" in head.lower(), reader, writer)
            await self.behaviours[path.split("?")[0]](exchange)
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()  # Clients leave when they like.


@asynccontextmanager
async def scripted_node() -> AsyncIterator[ScriptedNode]:
    """A running one, on this event loop."""
    node = ScriptedNode()
    async with listening(node.serve) as port:
        node.address = f"/ip4/127.0.0.1/tcp/{port}/http"
        yield node


def says(content: object, status: str = "200 OK") -> Behaviour:
    """The content as JSON, after the request was read."""
    return sends(json.dumps(content).encode(), status=status, kind="application/json")


def sends(body: bytes, *, status: str = "200 OK", kind: str = "text/html", length: int | None = None) -> Behaviour:
    """Those bytes; `length` is a claim about them that may be wrong."""
    claimed = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {claimed}\r\nconnection: close\r\n\r\n"

    async def behave(exchange: Exchange) -> None:
        await exchange.drain_body()
        await exchange.send(head.encode(), body)

    return behave


async def hangs(exchange: Exchange) -> None:
    """No byte, ever."""
    await exchange.drain_body()
    await exchange.reader.read()


async def drips_a_header(exchange: Exchange) -> None:
    """A header that goes on as long as somebody listens."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nx-drip: ")
    while True:
        await exchange.send(b".")
        await asyncio.sleep(0.02)


async def drips_a_body(exchange: Exchange) -> None:
    """Blanks as long as somebody listens, each of them in time."""
    await exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await exchange.send(b"1\r\n \r\n")
        await asyncio.sleep(0.02)


async def closes(exchange: Exchange) -> None:
    """Nothing but the end of the connection."""
    await exchange.drain_body()


async def closes_at_once(exchange: Exchange) -> None:
    """The end of the connection while the request is still being sent."""
    if exchange.chunked:
        await exchange.reader.read(100)
    exchange.writer.transport.abort()
