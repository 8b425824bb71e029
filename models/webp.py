"""Moving pictures as WebP."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def webp_bytes(frames: Sequence[NDArray[np.uint8]], milliseconds: int) -> bytes:
    """A lossless animation, repeated for ever, of frames (height, width, 3), each shown for `milliseconds`.

    The same frames always give the same bytes. A frame that equals the one before only lengthens it.
    """
    first, *others = (Image.fromarray(frame) for frame in frames)
    buffer = io.BytesIO()
    first.save(buffer, format="WEBP", save_all=True, append_images=others, duration=milliseconds, loop=0, lossless=True)
    return buffer.getvalue()
