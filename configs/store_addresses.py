"""Where things are kept: files, SQL databases, blob stores, each read into one spelling."""

from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

_SQLITE = "sqlite+aiosqlite:///"
_POSTGRES = "postgresql+asyncpg"
_POSTGRES_SPELLINGS = ("postgres", "postgresql", _POSTGRES)


def absolute(path: Path) -> Path:
    """The path from the root on. Raises `ValueError` for one that cannot be meant."""
    # pathlib reads an empty text as ".", which nobody means.
    if path == Path() or not str(path).isprintable():
        raise ValueError("not a usable path: it is empty or has an unprintable character")
    return path.expanduser().absolute()


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return _SQLITE + quote(str(path), safe="/ ")


def parse_database_url(url: str) -> str:
    """`sqlite+aiosqlite:////absolute/path.db` or `postgresql+asyncpg://user:password@host:port/name[?ssl=...]`.

    `postgresql://`, `postgres://` and libpq's `sslmode` are read as these. Raises `ValueError`; it repeats no password.
    """
    scheme = url.partition(":")[0]
    if scheme in _POSTGRES_SPELLINGS:
        return _postgres(url)
    if scheme != "sqlite+aiosqlite":
        raise ValueError(
            f"scheme {scheme!r} is not supported: use {_SQLITE}/absolute/path.db or {_POSTGRES}://host/name"
        )
    file = url.removeprefix(_SQLITE)
    if file in (url, ":memory:") or "?" in file:
        raise ValueError(f"name a file, as in {_SQLITE}/absolute/path.db: several processes open it")
    return sqlite_url(absolute(Path(unquote(file))))


def parse_blob_url(url: str) -> str:
    """`s3://bucket/prefix`, or the like for another store of fsspec's. Raises `ValueError`."""
    parts = _split(url)
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        raise ValueError("name a store and a place in it, as in s3://bucket/prefix")
    if "@" in parts.netloc:
        raise ValueError("holds a user name: credentials belong into the environment of the store's own client")
    if parts.query or parts.fragment:
        raise ValueError("has a ? or #, which name no place in a store")
    return url.rstrip("/")


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}{colon}***{at}{host}")) if colon else url


def _postgres(url: str) -> str:
    parts = _split(url)
    options = dict(option.partition("=")[::2] for option in parts.query.split("&") if option)
    if "sslmode" in options:
        options["ssl"] = options.pop("sslmode")
    if unknown := set(options) - {"ssl", "host"}:
        raise ValueError(f"option {min(unknown)!r} is not known: only ssl and host are")
    if not (parts.hostname or options.get("host")) or not parts.path.strip("/") or parts.fragment:
        raise ValueError(f"name a host and a database, as in {_POSTGRES}://user:password@host:5432/gitex")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return urlunsplit(parts._replace(scheme=_POSTGRES, query=query))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # urlsplit's own words may repeat a password.
        raise ValueError("not an address: its port or host cannot be read") from None
    return parts
