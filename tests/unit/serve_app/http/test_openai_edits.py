"""The official client of OpenAI, unchanged, against the application in this process."""

import base64
import io
from collections.abc import AsyncIterator

import httpx2
import openai
import pytest
from PIL import Image

from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.pictures import encoded, gradient, window_mask

PHOTO = encoded(gradient(128, 96))
MASK = encoded(window_mask(128, 96))


@pytest.fixture
async def sdk(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    transport = httpx2.ASGITransport(app=door.app())
    async with httpx2.AsyncClient(transport=transport) as http:
        yield openai.AsyncOpenAI(base_url="http://gitex.test/v1", api_key="unused", max_retries=0, http_client=http)


async def test_an_edit(sdk: openai.AsyncOpenAI, door: Door) -> None:
    answer = await sdk.images.edit(
        image=("photo.png", PHOTO),
        mask=("mask.png", MASK),
        prompt="a star",
        n=2,
        extra_body={"strength": 0.4, "seed": 3},
    )
    assert answer.data is not None
    pictures = [Image.open(io.BytesIO(base64.b64decode(each.b64_json or ""))) for each in answer.data]
    assert [picture.size for picture in pictures] == [(128, 96), (128, 96)]
    assert [spec.seed for spec in door.image.started] == [3, 4]
    assert answer.data[0].gitex["source"]["strength"] == 0.4  # type: ignore[attr-defined]


async def test_a_list_of_one_picture(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.images.edit(image=[("photo.png", PHOTO)], prompt="a star")
    assert answer.data


async def test_a_file_object(sdk: openai.AsyncOpenAI) -> None:
    assert (await sdk.images.edit(image=io.BytesIO(PHOTO), prompt="a star", response_format="url")).data


async def test_a_streamed_edit(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.images.edit(image=("photo.png", PHOTO), prompt="a star", stream=True, partial_images=1)
    events = [event async for event in stream]
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert base64.b64decode(events[-1].b64_json).startswith(b"\x89PNG")


async def test_a_variation(sdk: openai.AsyncOpenAI, door: Door) -> None:
    with pytest.deprecated_call():  # OpenAI has retired the call; its client still has it
        answer = await sdk.images.create_variation(image=("photo.png", PHOTO), n=2, user="anna")
    assert answer.data is not None
    assert len(answer.data) == 2
    assert door.image.contexts[0].tenant == "anna"


async def test_errors_are_the_sdks_own(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.images.edit(image=("photo.png", b"text"), prompt="a star")
    assert refused.value.param == "image"
