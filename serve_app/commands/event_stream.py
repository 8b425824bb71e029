"""Reading server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class ServerEvent(NamedTuple):
    """One event: its name (`message` when it has none) and its data."""

    name: str
    data: str


def read_events(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """The events in a body that arrives in pieces; one that is cut off at the end is dropped, as the standard says.

    Raises `UnicodeDecodeError` for what is not UTF-8.
    """
    name, data = "", list[str]()
    for line in _lines(chunks):
        if not line:
            if data:
                yield ServerEvent(name or "message", "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines. Only line feeds end one (with a carriage return before or not): JSON may hold other separators."""
    parts: list[bytes] = []
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join((*parts, line)).removesuffix(b"\r").decode()
            parts.clear()
        parts.append(rest)
