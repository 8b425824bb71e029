"""A TCP server of a test's own, for fakes that answer down to the bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """The loopback port where `serve` has each connection, on this event loop. What it raises is raised at the end."""
    # A task of ours for each connection, because the server would not wait for its own.
    serving: dict[asyncio.Future[None], asyncio.StreamWriter] = {}

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving[asyncio.ensure_future(serve(reader, writer))] = writer

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # for a connection that was just coming in
        for task, writer in serving.items():
            task.cancel()
            writer.transport.abort()
        ended = await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # for the transports to close
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem
