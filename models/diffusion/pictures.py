"""Pictures that come with a request: from encoded bytes to pixels of the wanted size."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from gitex.errors import InvalidInput
from gitex.ports import RunContext
from gitex.specs import ImageSpec
from models.diffusion.mailbox import Pixels


def read_picture(spec: ImageSpec, context: RunContext, sha256: str, param: str) -> Pixels:
    """The named picture as uint8 (height, width, 3), in the size of the spec.

    Raises `InvalidInput` on `param` for a picture that is missing, unreadable or of another size.
    """
    if sha256 not in context.pictures:
        raise InvalidInput(f"the picture {sha256} did not come with the request", param=param)
    try:
        with Image.open(io.BytesIO(context.pictures[sha256]), formats=("PNG", "JPEG", "WEBP")) as opened:
            pixels: Pixels = np.asarray(opened.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as problem:
        raise InvalidInput(f"the picture cannot be read: {problem}", param=param) from problem
    if pixels.shape[:2] != (spec.height, spec.width):
        height, width = pixels.shape[:2]
        raise InvalidInput(f"the picture is {width}x{height}, the wanted one {spec.width}x{spec.height}", param=param)
    return pixels
