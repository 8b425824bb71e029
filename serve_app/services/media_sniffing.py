"""What kind of file it is, by a fixed list of magic bytes. Nothing that a browser would run is ever named."""

import json

UNKNOWN = "application/octet-stream"
HARMLESS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "application/json"})
"""The only types that content is served as."""

_MAGIC = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBPVP8"),
    ("image/avif", 4, b"ftypavif"),
    ("image/avif", 4, b"ftypavis"),
)


def sniffed(begin: bytes, *, whole: bool) -> str:
    """The media type of a file by its first bytes. `whole`: those are all; JSON is known only then, by reading it."""
    for media_type, at, magic in _MAGIC:
        if begin.startswith(magic, at) and (media_type != "image/webp" or begin.startswith(b"RIFF")):
            return media_type
    return "application/json" if whole and _is_json(begin) else UNKNOWN


def _is_json(content: bytes) -> bool:
    if content.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(content.decode())
    except (ValueError, RecursionError):
        return False
    return True
