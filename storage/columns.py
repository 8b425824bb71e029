"""Column types that SQLite and PostgreSQL keep alike."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: SQLite forgets the zone, so it is taken off and put back here."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises `ValueError` for a naive moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class PlainString(TypeDecorator[str]):
    """A short text, which may come from a caller: PostgreSQL keeps no NUL in a text, nor compares with one."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else value.replace("\0", "\ufffd")


def utc_now() -> datetime:
    """The present moment: aware, UTC."""
    return datetime.now(UTC)


def folded(text: str) -> str:
    """`text` as it is searched: the databases' own ideas of upper and lower case differ outside ASCII.

    PostgreSQL keeps no NUL in a text.
    """
    return text.casefold().replace("\0", "\ufffd")
