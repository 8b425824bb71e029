"""What both databases know, and SQLAlchemy has for each apart, or not in its types."""

from typing import Any, cast

from sqlalchemy import CursorResult, Result
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Record


def insert_into(session: AsyncSession, record: type[Record]) -> Any:
    """An INSERT that knows ON CONFLICT."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(record)


def changed(result: Result[Any]) -> int:
    """How many rows an INSERT, UPDATE or DELETE has changed."""
    return cast(CursorResult[Any], result).rowcount
