"""Uploaded pictures, which are hostile until they are decoded, as pictures of the wanted size."""

import io
import math

import numpy as np
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from gitex.errors import InvalidInput
from gitex.variants import ImageLimits

MAX_PIXELS = 2**25
"""A small file may unpack into any number of pixels; this many take some 100 MB while they are worked on."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_SAME_ASPECT = 0.01
_Size = tuple[int, int]


def decode(content: bytes, param: str) -> Image.Image:
    """The upright picture (its EXIF orientation applied) in mode RGB, or RGBA if a part of it is transparent.

    Raises `InvalidInput` naming `param` for whatever is not a whole PNG, JPEG or WebP of at most `MAX_PIXELS`.
    """
    try:
        # Only the header is read here: the pixels are counted before any is unpacked.
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise _too_many_pixels(param)
            return _plain(ImageOps.exif_transpose(opened))
    except InvalidInput:
        raise
    except UnidentifiedImageError as problem:
        raise InvalidInput(f"{param}: is not a PNG, JPEG or WebP picture", param=param) from problem
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise _too_many_pixels(param) from problem
    except Exception as problem:  # Pillow's decoders answer damaged bytes with errors of many kinds
        raise InvalidInput(f"{param}: the picture is damaged or cut off", param=param) from problem


def fitting_sides(size: _Size, limits: ImageLimits) -> _Size:
    """The sides nearest to `size` and its aspect that a model of these limits accepts."""
    multiple = limits.side_multiple
    least, most = math.ceil(limits.min_side / multiple) * multiple, limits.max_side // multiple * multiple
    scale = max(min(1.0, most / max(size)), least / min(size))
    width, height = (min(most, max(least, round(side * scale / multiple) * multiple)) for side in size)
    return width, height


def source_picture(picture: Image.Image, size: _Size) -> Image.Image:
    """The picture in RGB and of that size; what does not fit its aspect is cut off around the centre."""
    fitted = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    if fitted.mode != "RGBA":
        return fitted
    # What lies under a transparent pixel is chance, and often black.
    white = Image.new("RGBA", size, "white")
    return Image.alpha_composite(white, fitted).convert("RGB")


def mask_picture(mask: Image.Image, source: Image.Image, size: _Size) -> Image.Image:
    """The mask in mode L and of that size: white where the picture is to be painted anew.

    A mask with transparency means its transparent pixels, as OpenAI's do; an opaque one its white pixels. Raises
    `InvalidInput` for a mask whose aspect is not the source's, or in which nothing is to be painted.
    """
    (width, height), (source_width, source_height) = mask.size, source.size
    if abs(width * source_height - height * source_width) > _SAME_ASPECT * width * source_height:
        raise InvalidInput(
            f"mask: is {width}x{height}, the image {source_width}x{source_height}: they must cover each other",
            param="mask",
        )
    levels = ImageChops.invert(mask.getchannel("A")) if mask.mode == "RGBA" else mask.convert("L")
    fitted = ImageOps.fit(levels, size, Image.Resampling.BILINEAR)
    if np.asarray(fitted).max() < 128:
        raise InvalidInput("mask: marks nothing: make what is to change transparent, or white", param="mask")
    return fitted


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        # 16 bits of grey; Pillow's own conversion would clip them at 255.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return picture.convert("RGB") if np.asarray(picture.getchannel("A")).min() == 255 else picture


def _too_many_pixels(param: str) -> InvalidInput:
    return InvalidInput(f"{param}: has more than {MAX_PIXELS / 1e6:.0f} million pixels", param=param)
