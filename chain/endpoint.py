"""An address that may hold an access key, in its path, its query or before its host: never shown."""

from typing import NoReturn
from urllib.parse import unquote, urlsplit

_SHORTEST_SECRET = 6
"""Characters. Parts of an address that are shorter are words such as `v3`, and would be found everywhere."""
LONGEST_QUOTE = 300
"""Characters of what a server says that are repeated."""


class Endpoint:
    """Where a JSON-RPC server answers."""

    def __init__(self, url: str) -> None:
        """`url`: http or https."""
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self.shown = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
        """What may be told: scheme, host and port."""
        self._url = url
        pieces = [parts.username or "", parts.password or "", *parts.path.split("/"), parts.query]
        pieces += [value for pair in parts.query.split("&") for value in pair.split("=")]
        both = {*pieces, *map(unquote, pieces)}
        self._secrets = sorted((piece for piece in both if len(piece) >= _SHORTEST_SECRET), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"Endpoint({self.shown!r})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("an address that may hold a key is not written anywhere")

    @property
    def secret_url(self) -> str:
        """The whole address: for a connection, and for nothing else."""
        return self._url

    def quoted(self, text: str) -> str:
        """What a server says, fit to be repeated: on one line, not too long, and without the address's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        line = "".join(sign if sign.isprintable() else " " for sign in text).strip()
        return line if len(line) <= LONGEST_QUOTE else line[:LONGEST_QUOTE] + "…"
