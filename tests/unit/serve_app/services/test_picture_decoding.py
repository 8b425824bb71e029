"""Uploads are hostile: what comes out is a picture of the wanted size, or an error that names the field."""

import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gitex.errors import InvalidInput
from gitex.variants import ImageLimits
from serve_app.services.picture_decoding import (
    MAX_PIXELS,
    decode,
    fitting_sides,
    mask_picture,
    source_picture,
)
from tests.unit.serve_app.pictures import bomb, encoded, gradient, window_mask

LIMITS = ImageLimits(128, 128, 64, 256, 8)
GOOD = {kind: encoded(gradient(24, 16), kind) for kind in ("PNG", "JPEG", "WEBP")}


@pytest.mark.parametrize("kind", GOOD)
def test_the_three_formats_are_read(kind: str) -> None:
    picture = decode(GOOD[kind], "image")
    assert (picture.mode, picture.size) == ("RGB", (24, 16))
    difference = np.abs(np.asarray(picture, np.int32) - np.asarray(gradient(24, 16), np.int32))
    assert difference.mean() < 8


NOT_PICTURES = {
    "empty": b"",
    "text": b"a red star",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "gif": encoded(gradient(8, 8), "GIF"),
    "bmp": encoded(gradient(8, 8), "BMP"),
    "tiff": encoded(gradient(8, 8), "TIFF"),
}


@pytest.mark.parametrize("content", NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_anything_else_is_refused_by_the_name_of_its_field(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a PNG, JPEG or WebP") as refused:
        decode(content, "style_image")
    assert refused.value.param == "style_image"


@pytest.mark.parametrize("kind", GOOD)
def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    whole = encoded(gradient(200, 200), kind)
    with pytest.raises(InvalidInput) as refused:
        decode(whole[: len(whole) // 2], "image")
    assert refused.value.param == "image"


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(width: int, height: int) -> None:
    with pytest.raises(InvalidInput, match="million pixels"):
        decode(bomb(width, height), "image")
    with warnings.catch_warnings():
        # As in a running service, where Pillow's warning is no error.
        warnings.simplefilter("ignore")
        with pytest.raises(InvalidInput, match="million pixels"):
            decode(bomb(width, height), "image")


def test_the_pixel_bound_is_exact() -> None:
    with pytest.raises(InvalidInput, match="million pixels"):
        decode(bomb(MAX_PIXELS + 1, 1), "image")
    with pytest.raises(InvalidInput, match="damaged"):  # few enough, but not there
        decode(bomb(MAX_PIXELS, 1), "image")


def _long_comment() -> bytes:
    """Four megabytes of text in four kilobytes."""
    comment = PngInfo()
    comment.add_text("Comment", "a" * 2**22, zip=True)
    return encoded(gradient(8, 8), pnginfo=comment)


@pytest.mark.parametrize("content", [_long_comment(), encoded(gradient(8, 8), exif=b"garbage!")], ids=["text", "exif"])
def test_what_rides_along_with_the_pixels_is_not_trusted_either(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="damaged") as refused:
        decode(content, "mask")
    assert refused.value.param == "mask"


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(GOOD)),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_damage_gives_a_picture_or_a_refusal_and_nothing_else(kind: str, edits: list[tuple[float, int]]) -> None:
    content = bytearray(GOOD[kind])
    for place, value in edits:
        content[int(place * len(content))] = value
    with contextlib.suppress(InvalidInput):
        assert decode(bytes(content), "image").mode in ("RGB", "RGBA")


RED_SIDE = {1: "right", 2: "left", 3: "left", 4: "right", 5: "bottom", 6: "bottom", 7: "top", 8: "top"}


@pytest.mark.parametrize("orientation", RED_SIDE)
def test_a_photo_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.asarray(decode(encoded(gradient(48, 32), "JPEG", exif=exif, quality=95), "image"))
    assert pixels.shape[:2] == ((32, 48) if orientation < 5 else (48, 32))
    red = pixels[..., 0]
    edges = {"left": red[:, 0], "right": red[:, -1], "top": red[0], "bottom": red[-1]}
    assert max(edges, key=lambda side: edges[side].mean()) == RED_SIDE[orientation]


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    shades = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    pixels = np.asarray(decode(encoded(Image.fromarray(shades)), "image"))
    assert np.array_equal(pixels[..., 0], (shades >> 8).astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = decode(encoded(gradient(16, 16, "L").convert(mode), kind), "image")
    assert source_picture(picture, (8, 8)).mode == "RGB"


def test_what_is_transparent_becomes_white() -> None:
    picture = gradient(16, 16, "RGBA")
    picture.putalpha(0)
    assert np.asarray(source_picture(decode(encoded(picture), "image"), (16, 16))).min() == 255


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((128, 128), (128, 128)),
        ((100, 75), (96, 72)),  # to the side multiple
        ((1024, 512), (256, 128)),  # down to the largest side
        ((16, 32), (64, 128)),  # up to the smallest
        ((1, 10_000), (64, 256)),
        ((10_000, 1), (256, 64)),
        ((259, 257), (256, 256)),
    ],
)
def test_the_default_size_is_the_pictures_own_as_far_as_the_model_allows(
    size: tuple[int, int], sides: tuple[int, int]
) -> None:
    assert fitting_sides(size, LIMITS) == sides


@given(
    size=st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    least=st.integers(1, 300),
    spread=st.integers(0, 3000),
    multiple=st.sampled_from([1, 8, 16, 64]),
)
def test_the_default_size_is_always_one_that_the_model_takes(
    size: tuple[int, int], least: int, spread: int, multiple: int
) -> None:
    limits = ImageLimits(0, 0, least, -(-least // multiple) * multiple + spread, multiple)
    for side in fitting_sides(size, limits):
        assert limits.min_side <= side <= limits.max_side
        assert side % multiple == 0


def test_a_picture_of_the_wanted_size_keeps_every_pixel() -> None:
    assert np.array_equal(np.asarray(source_picture(gradient(64, 48), (64, 48))), np.asarray(gradient(64, 48)))


def test_another_aspect_is_cut_around_the_centre_and_not_squeezed() -> None:
    wide = np.asarray(source_picture(gradient(256, 64), (64, 64)))
    assert wide[:, 0, 0].mean() == pytest.approx(96, abs=3)  # red begins at three eighths of the way
    assert wide[:, -1, 0].mean() == pytest.approx(159, abs=3)
    assert wide[0, :, 1].mean() < 3, "nothing is lost above"


def test_a_masks_transparent_pixels_are_to_be_painted() -> None:
    mask = np.asarray(mask_picture(window_mask(64, 64), gradient(64, 64), (64, 64)))
    assert mask.shape == (64, 64)
    assert (mask[:, :32] == 255).all()
    assert (mask[:, 32:] == 0).all()


def test_an_opaque_masks_white_pixels_are_to_be_painted() -> None:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    for opaque in (mask, mask.convert("RGB"), mask.convert("RGBA"), mask.convert("1")):
        levels = np.asarray(mask_picture(decode(encoded(opaque), "mask"), gradient(64, 64), (64, 64)))
        assert (levels[:, :32] == 255).all()
        assert (levels[:, 32:] == 0).all()


def test_a_mask_of_another_size_but_the_same_aspect_covers_the_picture() -> None:
    mask = np.asarray(mask_picture(window_mask(128, 96), gradient(64, 48), (64, 48)))
    assert (mask[:, :31] == 255).all()
    assert (mask[:, 33:] == 0).all()


@pytest.mark.parametrize("size", [(64, 48), (32, 64), (66, 64)])
def test_a_mask_of_another_aspect_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="cover each other") as refused:
        mask_picture(window_mask(*size), gradient(64, 64), (64, 64))
    assert refused.value.param == "mask"


def test_a_mask_that_marks_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="marks nothing") as refused:
        mask_picture(Image.new("RGB", (64, 64)), gradient(64, 64), (64, 64))
    assert refused.value.param == "mask"


def test_the_same_upload_is_cut_like_its_mask() -> None:
    picture = gradient(256, 64)
    source = np.asarray(source_picture(picture, (64, 64)))
    marked = Image.fromarray((np.asarray(picture)[..., 0] > 127).astype(np.uint8) * 255)
    mask = np.asarray(mask_picture(marked, picture, (64, 64)))
    disagreeing = (mask > 127) != (source[..., 0] > 127)
    assert disagreeing.mean() < 0.03
