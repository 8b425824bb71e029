"""Databases and buckets of a test's own: a SQLite file, a PostgreSQL schema that is dropped afterwards, S3."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from moto.server import ThreadedMotoServer

# Before any test that imports an Ethereum library by itself: `chain` keeps those from raising Python's recursion limit.
import chain  # noqa: F401

_MEMORY = Path("/dev/shm")
POSTGRES = os.environ.get("GITEX_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")


async def _as_administrator(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A PostgreSQL user with an empty schema of its own, which is all that it sees: quicker than a database."""
    name = f"gitex_test_{secrets.token_hex(8)}"
    asyncio.run(
        _as_administrator(
            f"CREATE ROLE {name} LOGIN PASSWORD '{name}'; CREATE SCHEMA {name} AUTHORIZATION {name};"
            f"ALTER ROLE {name} SET search_path = {name}"
        )
    )
    server = urlsplit(POSTGRES)
    host = server.netloc.rpartition("@")[2]
    yield urlunsplit(server._replace(scheme="postgresql+asyncpg", netloc=f"{name}:{name}@{host}"))
    asyncio.run(_as_administrator(f"DROP SCHEMA {name} CASCADE; DROP ROLE {name}"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the system has such a place: thousands of commits would wait for a disk."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def sqlite_url(folder: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite+aiosqlite:///{folder}/gitex.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database, of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server over HTTP, and botocore's environment that leads to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    yield endpoint
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str) -> str:
    """A place of its own in a new bucket."""
    bucket = f"gitex-{secrets.token_hex(8)}"
    httpx.put(f"{s3_endpoint}/{bucket}", timeout=10).raise_for_status()
    return f"s3://{bucket}/some/prefix"
