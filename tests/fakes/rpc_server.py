"""A JSON-RPC server over real HTTP that answers as a test scripts it, down to the bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.connections import listening

Behaviour = Callable[["Question"], Awaitable[None]]
SECRET = "s3cr3t-k3y-of-the-rpc"
"""In the path of every server's address, as providers have it."""


@dataclass
class Question:
    """One request."""

    id: Any
    method: str
    params: list[Any]
    path: str
    writer: asyncio.StreamWriter

    async def answer(self, body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> None:
        await self.send(
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode(), body
        )

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()


@dataclass
class RpcServer:
    """`says` has the behaviour of each method; `asked` what was asked for, besides the chain's id."""

    base: str = ""
    says: dict[str, Behaviour] = field(default_factory=lambda: {"eth_chainId": result("0x7a69")})
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    chain_ids_told: int = 0

    @property
    def url(self) -> str:
        """With a secret in its path and in its query."""
        return f"{self.base}/v3/{SECRET}?token={SECRET}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with any number of requests."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                request = json.loads(await reader.readexactly(int(fields["content-length"])))
                question = Question(request["id"], request["method"], request["params"], head.split()[1], writer)
                await self._answer(question)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()  # clients leave when they like

    async def _answer(self, question: Question) -> None:
        if question.method == "eth_chainId":
            self.chain_ids_told += 1
        else:
            self.asked.append((question.method, question.params))
        await self.says.get(question.method, no_such_method)(question)


@asynccontextmanager
async def rpc_server() -> AsyncIterator[RpcServer]:
    """A running one, on this event loop."""
    made = RpcServer()
    async with listening(made.serve) as port:
        made.base = f"http://127.0.0.1:{port}"
        yield made


def result(value: object) -> Behaviour:
    """A good answer."""
    return replies(lambda question: {"jsonrpc": "2.0", "id": question.id, "result": value})


def last_result(value: object) -> Behaviour:
    """A good answer, and the end of its connection, as between a client and a server in order."""

    async def behave(question: Question) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": question.id, "result": value}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        await question.send(head.encode(), body)
        question.writer.close()

    return behave


def error(code: int, message: str, data: object = None, *, status: str = "200 OK") -> Behaviour:
    """An error object."""
    said = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return replies(lambda question: {"jsonrpc": "2.0", "id": question.id, "error": said}, status=status)


def replies(make: Callable[[Question], object], *, status: str = "200 OK") -> Behaviour:
    """Whatever is made of the question, as JSON."""

    async def behave(question: Question) -> None:
        await question.answer(json.dumps(make(question)).encode(), status=status)

    return behave


def sends(body: bytes, *, status: str = "200 OK", kind: str = "text/html") -> Behaviour:
    """Those bytes, whatever they are."""

    async def behave(question: Question) -> None:
        await question.answer(body, status=status, kind=kind)

    return behave


no_such_method = error(-32601, "the method does not exist/is not available")


async def another_id(question: Question) -> None:
    """The answer to another request."""
    await result("0x1")(Question(question.id + 1000, question.method, question.params, question.path, question.writer))


async def hangs(_: Question) -> None:
    """No byte, ever."""
    await asyncio.Event().wait()


async def drips(question: Question) -> None:
    """Blanks as long as somebody listens, each of them in time."""
    await question.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await question.send(b"1\r\n \r\n")
        await asyncio.sleep(0.02)


async def breaks_off(question: Question) -> None:
    """The end of the connection in the middle of the answer."""
    await question.send(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"jsonrpc": "2.0", "id"')
    question.writer.transport.abort()


async def hangs_up(question: Question) -> None:
    """The end of the connection instead of an answer."""
    question.writer.transport.abort()


async def redirects(question: Question) -> None:
    """To somewhere else."""
    await question.send(
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: " + question.path.encode() + b"\r\ncontent-length: 0\r\n\r\n"
    )


async def babbles(question: Question) -> None:
    """No HTTP at all."""
    await question.send(b"\x00\x01\x02 hello\r\n\r\n")
    question.writer.transport.abort()
