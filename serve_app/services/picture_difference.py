"""How far two encoded pictures are apart."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence


def psnr_db(one: bytes, other: bytes) -> float:
    """Peak signal-to-noise ratio of the pixels in decibels, over all frames and channels; infinite if all are equal.

    `10 log10(255² / mean squared error)`, as ITU-T J.340 has it. Pictures of different sizes have nothing in common:
    0. Both must be whole pictures that an engine made.
    """
    first, second = _levels(one), _levels(other)
    if first.shape != second.shape:
        return 0.0
    error = float(np.mean(np.square(first - second)))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _levels(content: bytes) -> NDArray[np.float32]:
    """(frames, height, width, 3), 0 to 255."""
    with Image.open(io.BytesIO(content), formats=("PNG", "WEBP")) as picture:
        return np.stack([np.asarray(frame.convert("RGB"), np.float32) for frame in ImageSequence.Iterator(picture)])
