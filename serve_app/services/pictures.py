"""Pictures that a request brings along: brought to the wanted size and kept before any work begins from them."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gitex.ports import AssetStore
from gitex.variants import ImageLimits
from models.png import png_bytes
from serve_app.services.picture_decoding import decode, fitting_sides, mask_picture, source_picture

_DECODED_AT_ONCE = 2
"""Each may take `MAX_PIXELS` of memory, and decoding gains nothing from more threads than cores to spare."""


@dataclass(frozen=True)
class Uploads:
    """Encoded pictures as they came."""

    image: bytes
    mask: bytes | None = None
    style: bytes | None = None


@dataclass(frozen=True)
class KeptPictures:
    """Pictures of one size that a spec may name by their SHA-256; empty for what was not sent."""

    width: int
    height: int
    contents: Mapping[str, bytes]
    uploaded: str
    """SHA-256 of the image as it was uploaded."""
    source: str
    mask: str = ""
    style: str = ""


class Pictures:
    """Takes uploads in. One instance serves all requests of a process."""

    def __init__(self, store: AssetStore) -> None:
        self._store = store
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

    async def take(self, uploads: Uploads, sides: tuple[int, int] | None, limits: ImageLimits) -> KeptPictures:
        """Decode, resize to `sides` (default: the source's own, as far as `limits` allow), encode as PNG and keep.

        The same pictures give the same digests. Raises `InvalidInput` naming `image`, `mask` or `style_image`, and
        `Unavailable` if they cannot be kept.
        """
        async with self._decoding:
            prepared = await asyncio.to_thread(_prepare, uploads, sides, limits)
        digests = {content: await self._store.keep(content) for content in prepared.contents() if content}
        return KeptPictures(
            width=prepared.width,
            height=prepared.height,
            contents={digest: content for content, digest in digests.items()},
            uploaded=prepared.uploaded,
            source=digests[prepared.source],
            mask=digests.get(prepared.mask, ""),
            style=digests.get(prepared.style, ""),
        )


@dataclass(frozen=True)
class _Prepared:
    """PNGs of one size; empty for what was not sent."""

    width: int
    height: int
    uploaded: str
    source: bytes
    mask: bytes
    style: bytes

    def contents(self) -> tuple[bytes, bytes, bytes]:
        return self.source, self.mask, self.style


def _prepare(uploads: Uploads, sides: tuple[int, int] | None, limits: ImageLimits) -> _Prepared:
    image = decode(uploads.image, "image")
    size = sides or fitting_sides(image.size, limits)
    mask = b"" if uploads.mask is None else _png(mask_picture(decode(uploads.mask, "mask"), image, size))
    style = b"" if uploads.style is None else _png(source_picture(decode(uploads.style, "style_image"), size))
    uploaded = hashlib.sha256(uploads.image).hexdigest()
    return _Prepared(*size, uploaded, source=_png(source_picture(image, size)), mask=mask, style=style)


def _png(picture: Image.Image) -> bytes:
    return png_bytes(np.asarray(picture))
