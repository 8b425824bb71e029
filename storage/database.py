"""Opening the SQL database: durable commits, and the newest schema when `open_database` returns."""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from asyncpg import PostgresError
from asyncpg.exceptions import InterfaceError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gitex.errors import SettingsError, Unavailable
from storage.durable import make_folder_durably
from storage.schema import upgrade

FAILURES = (SQLAlchemyError, PostgresError, InterfaceError, OSError, TimeoutError)
"""Everything that a database that fails may raise: connecting raises the driver's own errors."""

_BUSY_SECONDS = 30.0
_POLL_SECONDS = 0.02
_CONNECT_SECONDS = 10.0
_UPGRADE_LOCK = 0x67697465780001
"""Of PostgreSQL's advisory locks, which are plain numbers: `gitex` in ASCII, and a number for what it guards."""


async def open_database(url: str) -> AsyncEngine:
    """An engine on the database that `url` names, its schema the newest.

    `sqlite+aiosqlite:////absolute/path` is a file, created if missing; `postgresql+asyncpg://user:password@host/name`
    is a database on a server. Several processes may call this on one database at once. Raises `SettingsError` for a URL
    that cannot be used and `Unavailable` if the database cannot be opened.
    """
    parsed = _parsed(url)
    engine = _postgres_engine(parsed) if parsed.drivername == "postgresql+asyncpg" else _sqlite_engine(parsed)
    try:
        if engine.dialect.name == "postgresql":
            await _prepare_postgres(engine)
        else:
            await _prepare_sqlite(engine, Path(str(parsed.database)))
    except FAILURES as problem:
        await engine.dispose()
        shown = parsed.render_as_string(hide_password=True)
        raise Unavailable(f"the database {shown} cannot be opened: {reason(problem)}") from problem
    except BaseException:
        await engine.dispose()
        raise
    return engine


@contextlib.asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session that is committed at the end of the block, or rolled back if that raises.

    A database that fails raises `Unavailable`; a constraint that is broken stays SQLAlchemy's `IntegrityError`.
    """
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except IntegrityError:
        raise
    except FAILURES as problem:
        raise Unavailable(f"the database does not answer: {reason(problem)}") from problem


def reason(problem: BaseException) -> str:
    """What went wrong, in the driver's words: SQLAlchemy's text repeats the statement, which callers must not see."""
    return str(problem.orig) if isinstance(problem, DBAPIError) else str(problem) or type(problem).__name__


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as problem:
        raise SettingsError("GITEX_DATABASE_URL: not the URL of a database", param="GITEX_DATABASE_URL") from problem
    memory = parsed.database in (None, "", ":memory:")
    if memory or parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        shown = parsed.render_as_string(hide_password=True)
        raise SettingsError(
            f"GITEX_DATABASE_URL {shown!r}: neither a SQLite file nor a PostgreSQL database", param="GITEX_DATABASE_URL"
        )
    return parsed


def _sqlite_engine(url: URL) -> AsyncEngine:
    # The driver's timeout is SQLite's busy_timeout: how long a writer waits for another one.
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _sync_every_commit)
    return engine


def _postgres_engine(url: URL) -> AsyncEngine:
    # A server may restart: a connection is tried before it is used.
    return create_async_engine(
        url,
        connect_args={"timeout": _CONNECT_SECONDS, "command_timeout": _BUSY_SECONDS},
        hide_parameters=True,
        pool_pre_ping=True,
    )


def _sync_every_commit(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # FULL: in WAL mode anything less may lose the last commits when the power goes.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


async def _prepare_sqlite(engine: AsyncEngine, path: Path) -> None:
    await asyncio.to_thread(make_folder_durably, path.parent)
    async with _one_opener(path), engine.connect() as connection:
        # Python's driver would commit before each change of the schema: here it begins and ends nothing by itself.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        await connection.run_sync(upgrade)
        await connection.exec_driver_sql("COMMIT")


async def _prepare_postgres(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_BUSY_SECONDS:.0f}s'")
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        await connection.run_sync(upgrade)


@contextlib.asynccontextmanager
async def _one_opener(path: Path) -> AsyncIterator[None]:
    """Let one process at a time switch to WAL and change tables: SQLite answers a second one "locked" at once."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    give_up = time.monotonic() + _BUSY_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as problem:
                if time.monotonic() > give_up:
                    raise Unavailable(f"another process has held {path}.lock for {_BUSY_SECONDS:.0f} s") from problem
                await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
