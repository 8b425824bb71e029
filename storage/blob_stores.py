"""Which blob store a setting names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from gitex.ports import BlobStore
from storage.blobs import LocalBlobStore


def open_blobs(url: str | None, folder: Path) -> BlobStore:
    """The store at `url`; without one, or with a `file://` one, a local folder.

    Raises `SettingsError` if the URL cannot be used. Nothing is written or asked yet.
    """
    if url is None:
        return LocalBlobStore(folder)
    if url.startswith("file://"):
        return LocalBlobStore(Path(unquote(urlsplit(url).path)))
    # Not at the top: what reaches object stores takes long to import.
    from storage.blobs_fsspec import FsspecBlobStore

    return FsspecBlobStore(url)
