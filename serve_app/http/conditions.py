"""Conditional and range requests (RFC 9110, sections 13 and 14), read leniently: what cannot be read is ignored."""

import re
from typing import NamedTuple

_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_RANGE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


class Unsatisfiable(Exception):
    """The range begins behind the end, or is the last zero bytes."""


class ByteRange(NamedTuple):
    """Bytes from `start` up to and without `stop`."""

    start: int
    stop: int

    def told(self, size: int) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def none_match(header: str | None, etag: str) -> bool:
    """Whether `If-None-Match` lets the request through. Weak comparison; `*` stands for any."""
    if header is None:
        return True
    return header.strip() != "*" and etag not in (tag.removeprefix("W/") for tag in _TAGS.findall(header))


def range_holds(if_range: str | None, etag: str) -> bool:
    """Whether `If-Range` lets the range be used. Strong comparison; a date never holds, as we tell none."""
    return if_range is None or if_range.strip() == etag


def byte_range(header: str, size: int) -> ByteRange | None:
    """The one range that `Range` asks for, cut at the end. Raise `Unsatisfiable`.

    None stands for all of it: several ranges, other units and what is malformed may be answered so.
    """
    unit, _, wanted = header.partition("=")
    wishes = [wish.strip() for wish in wanted.split(",") if wish.strip()]
    read = _RANGE.fullmatch(wishes[0]) if len(wishes) == 1 else None
    if unit.strip().lower() != "bytes" or read is None or read.group() == "-":
        return None
    first, last = read.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or not stop:
        raise Unsatisfiable
    return ByteRange(start, stop)
