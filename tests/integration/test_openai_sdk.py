"""The official client of OpenAI, unchanged."""

import base64

import openai
import pytest

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def sdk(base_url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key="unused", max_retries=0, timeout=60)


def test_models(sdk: openai.OpenAI) -> None:
    assert "starter-diffusion" in [model.id for model in sdk.models.list()]
    assert sdk.models.retrieve("starter-copy").id == "starter-copy"


def test_images(sdk: openai.OpenAI) -> None:
    answer = sdk.images.generate(
        model="starter-diffusion", prompt="a green ring", n=2, size="64x64", extra_body={"steps": 4, "seed": 1}
    )
    pictures = [base64.b64decode(image.b64_json) for image in answer.data]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert answer.data[0].gitex["seed"] == 1


def test_streamed_images(sdk: openai.OpenAI) -> None:
    events = list(
        sdk.images.generate(
            model="starter-diffusion", prompt="a ring", stream=True, partial_images=1, extra_body={"steps": 4}
        )
    )
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert base64.b64decode(events[-1].b64_json).startswith(b"\x89PNG")


def test_chat(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="starter-copy", messages=MESSAGES, max_tokens=8, seed=1)
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 8


def test_streamed_chat(sdk: openai.OpenAI) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model="starter-copy",
            messages=MESSAGES,
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = sdk.chat.completions.create(model="starter-copy", messages=MESSAGES, max_tokens=8, temperature=0)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens > 0


def test_errors_are_the_sdks_own(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        sdk.images.generate(model="nobody", prompt="a star")
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model="starter-diffusion", prompt="a star", size="100x100")
    assert refused.value.param == "size"
