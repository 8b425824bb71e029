"""The official client of OpenAI, unchanged."""

import base64
import json
from collections.abc import Iterator

import openai
import pytest

MESSAGES = [{"role": "user", "content": "hello"}]
ABOUT = [{"role": "user", "content": "Tell me about a red star at night"}]


@pytest.fixture
def sdk(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="unused", max_retries=0, timeout=60) as sdk:
        yield sdk


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
            model="starter-diffusion", prompt="a ring", stream=True, partial_images=1, extra_body={"steps": 5}
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


def test_several_answers_with_their_seeds_and_summed_usage(sdk: openai.OpenAI) -> None:
    fields = {"model": "starter-copy", "messages": ABOUT, "max_tokens": 12, "temperature": 1.0}
    answer = sdk.chat.completions.create(**fields, n=3, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    alone = sdk.chat.completions.create(**fields, seed=8)
    assert answer.choices[1].message.content == alone.choices[0].message.content
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens
    assert alone.usage.completion_tokens < answer.usage.completion_tokens <= 36


def test_sampling_fields_are_taken(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model="starter-copy",
        messages=ABOUT,
        max_tokens=12,
        temperature=0.8,
        top_p=0.9,
        frequency_penalty=0.5,
        presence_penalty=0.5,
        stop=[".", "!"],
        seed=1,
        extra_body={"top_k": 20, "repetition_penalty": 1.2},
    )
    assert "." not in answer.choices[0].message.content


def test_logprobs(sdk: openai.OpenAI) -> None:
    fields = {"model": "starter-copy", "messages": ABOUT, "max_tokens": 6, "temperature": 0}
    answer = sdk.chat.completions.create(**fields, logprobs=True, top_logprobs=2)
    entries = answer.choices[0].logprobs.content
    assert "".join(entry.token for entry in entries) == answer.choices[0].message.content
    assert all(entry.token == entry.top_logprobs[0].token and len(entry.top_logprobs) == 2 for entry in entries)
    chunks = list(sdk.chat.completions.create(**fields, logprobs=True, stream=True))
    streamed = [e for c in chunks if c.choices[0].logprobs for e in c.choices[0].logprobs.content]
    assert [e.token for e in streamed] == [e.token for e in entries]
    assert [e.logprob for e in streamed] == pytest.approx([e.logprob for e in entries], abs=1e-4)


def test_an_answer_that_keeps_to_a_json_schema(sdk: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["calm", "loud"]}, "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
        "required": ["mood", "stars"],
        "additionalProperties": False,
    }
    answer = sdk.chat.completions.create(
        model="starter-copy",
        messages=ABOUT,
        max_tokens=40,
        seed=3,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": schema, "strict": True}},
    )
    value = json.loads(answer.choices[0].message.content)
    assert value["mood"] in ("calm", "loud")
    assert 1 <= value["stars"] <= 5
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="starter-copy",
            messages=ABOUT,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}},
        )
    assert refused.value.param == "response_format"


def test_a_prompt_over_the_context_is_refused_with_the_numbers(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="starter-copy", messages=[{"role": "user", "content": "star " * 300}], stream=True
        )
    assert refused.value.code == "prompt_too_long"
    assert "256" in refused.value.message


def test_errors_are_the_sdks_own(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        sdk.images.generate(model="nobody", prompt="a star")
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model="starter-diffusion", prompt="a star", size="100x100")
    assert refused.value.param == "size"
