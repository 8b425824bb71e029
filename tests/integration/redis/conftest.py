"""A Redis of each test's own, and what two processes make of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.redis_server import RedisServer
from tests.fakes.redis_side import Side


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Running, and this test's alone."""
    server = RedisServer(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
async def side(server: RedisServer) -> AsyncIterator[Side]:
    side = Side(server.url)
    try:
        yield side
    finally:
        await side.close()


@pytest.fixture
async def other(server: RedisServer) -> AsyncIterator[Side]:
    """A second process's."""
    other = Side(server.url)
    try:
        yield other
    finally:
        await other.close()


@pytest.fixture
async def hurried(server: RedisServer) -> AsyncIterator[Side]:
    """One with the application's own time budgets."""
    hurried = Side(server.url, hurried=True)
    try:
        yield hurried
    finally:
        await hurried.close()
