"""Cursors of listings that go from the newest row to the oldest: the place of a row, as callers hold it."""

import base64
import binascii
from datetime import UTC, datetime

from gitex.errors import InvalidInput


def cursor(created_at: datetime, row_id: str) -> str:
    """The place of a row in its listing, in letters, digits, `-` and `_`."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {row_id}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[datetime, str]:
    """The inverse of `cursor`. Raises `InvalidInput`."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        moment, _, row_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        created_at = datetime.fromisoformat(moment).astimezone(UTC)
        if not row_id or "\0" in row_id:
            raise ValueError
    except (ValueError, OverflowError, binascii.Error) as problem:
        raise InvalidInput("after: not a cursor that a page gave as `next`", param="after") from problem
    return created_at, row_id
