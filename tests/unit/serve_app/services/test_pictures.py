import hashlib
import io

import pytest
from PIL import Image

from gitex.errors import InvalidInput, Unavailable
from gitex.variants import ImageLimits
from serve_app.services.pictures import Pictures, Uploads
from tests.fakes.stores import MemoryAssets
from tests.unit.serve_app.pictures import encoded, gradient, window_mask

LIMITS = ImageLimits(128, 128, 64, 256, 8)
UPLOADS = Uploads(
    image=encoded(gradient(100, 75), "JPEG"),
    mask=encoded(window_mask(100, 75)),
    style=encoded(gradient(30, 200), "WEBP"),
)


async def test_all_pictures_are_kept_in_one_size_under_their_digests() -> None:
    store = MemoryAssets()
    taken = await Pictures(store).take(UPLOADS, None, LIMITS)
    assert (taken.width, taken.height) == (96, 72)
    assert dict(taken.contents) == store.pictures
    assert set(taken.contents) == {taken.source, taken.mask, taken.style}
    for sha256, content in taken.contents.items():
        assert hashlib.sha256(content).hexdigest() == sha256
        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.size) == ("PNG", (96, 72))
        assert picture.mode == ("L" if sha256 == taken.mask else "RGB")


async def test_a_wanted_size_is_kept_to() -> None:
    taken = await Pictures(MemoryAssets()).take(UPLOADS, (64, 128), LIMITS)
    assert (taken.width, taken.height) == (64, 128)


async def test_the_same_upload_gives_the_same_digests() -> None:
    first, again = [await Pictures(MemoryAssets()).take(UPLOADS, None, LIMITS) for _ in range(2)]
    assert first == again


async def test_what_was_not_sent_has_no_digest() -> None:
    taken = await Pictures(MemoryAssets()).take(Uploads(UPLOADS.image), None, LIMITS)
    assert (taken.mask, taken.style) == ("", "")
    assert list(taken.contents) == [taken.source]


@pytest.mark.parametrize("field", ["image", "mask", "style"])
async def test_nothing_is_kept_if_one_picture_is_bad(field: str) -> None:
    store = MemoryAssets()
    with pytest.raises(InvalidInput) as refused:
        await Pictures(store).take(Uploads(**{**UPLOADS.__dict__, field: b"no picture"}), None, LIMITS)
    assert refused.value.param == {"style": "style_image"}.get(field, field)
    assert store.pictures == {}


async def test_a_store_that_does_not_take_them_stops_the_request() -> None:
    with pytest.raises(Unavailable):
        await Pictures(MemoryAssets(error=Unavailable("disk full"))).take(UPLOADS, None, LIMITS)
