"""Opening the SQL database: durable commits, and tables that exist when `open_database` returns."""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gitex.errors import SettingsError, Unavailable
from storage.durable import make_folder_durably
from storage.tables import Record

_BUSY_SECONDS = 30.0
_POLL_SECONDS = 0.02


async def open_database(url: str) -> AsyncEngine:
    """An engine on the SQLite file that `url` (`sqlite+aiosqlite:////absolute/path`) names; created if missing.

    Several processes may call this on one file at once. Raises `SettingsError` for a URL that cannot be used and
    `Unavailable` if the file cannot be opened.
    """
    path = _file(url)
    # The driver's timeout is SQLite's busy_timeout: how long a writer waits for another one.
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _sync_every_commit)
    try:
        await asyncio.to_thread(make_folder_durably, path.parent)
        async with _one_opener(path):
            await _prepare(engine)
    except (OSError, SQLAlchemyError) as problem:
        await engine.dispose()
        raise Unavailable(f"the database {path} cannot be opened: {reason(problem)}") from problem
    except BaseException:
        await engine.dispose()
        raise
    return engine


def reason(problem: Exception) -> str:
    """What went wrong, in the driver's words: SQLAlchemy's text repeats the statement, which callers must not see."""
    return str(problem.orig) if isinstance(problem, DBAPIError) else str(problem)


def _file(url: str) -> Path:
    parsed = make_url(url)
    if parsed.drivername != "sqlite+aiosqlite" or parsed.database in (None, "", ":memory:"):
        raise SettingsError(f"GITEX_DATABASE_URL {url!r}: not a SQLite file", param="GITEX_DATABASE_URL")
    return Path(str(parsed.database))


def _sync_every_commit(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # FULL: in WAL mode anything less may lose the last commits when the power goes.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


async def _prepare(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        await connection.run_sync(Record.metadata.create_all)
        await connection.commit()


@contextlib.asynccontextmanager
async def _one_opener(path: Path) -> AsyncIterator[None]:
    """Let one process at a time switch to WAL and create tables: SQLite answers a second one "locked" at once."""
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
