"""Bringing a database's schema up to the newest revision, from code and inside one transaction."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from gitex.errors import Unavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_BEFORE_MIGRATIONS = "0001"


def upgrade(connection: Connection) -> None:
    """Run the revisions that the database lacks, in the transaction that `connection` is in; the caller commits.

    The caller also sees to it that nobody else does the same at once. A database from before there were migrations is
    recognised by its table of assets. Raises `Unavailable` for a database of a newer Gitex.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        if _is_from_before_migrations(connection):
            command.stamp(config, _BEFORE_MIGRATIONS)
        command.upgrade(config, "head")
    except CommandError as problem:
        raise Unavailable(f"the database is of another version of Gitex than this one: {problem}") from problem


def _is_from_before_migrations(connection: Connection) -> bool:
    inspector = sa.inspect(connection)
    if inspector.has_table("alembic_version") or not inspector.has_table("assets"):
        return False
    if "execution" not in {column["name"] for column in inspector.get_columns("assets")}:
        # The very first schema lacked it, and nothing added it to tables that were there.
        connection.execute(sa.text("ALTER TABLE assets ADD COLUMN execution TEXT"))
    return True
