import asyncio
import json

import httpx
import pytest

from gitex.errors import PromptTooLong
from tests.unit.serve_app.http.conftest import Door

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
GOOD_COPY = "Title: Red Star\nTagline: Shine on.\nDescription: A red star on blue.\nHashtags: #red #star"


async def test_a_completion_has_openais_shape(client: httpx.AsyncClient) -> None:
    body = (await client.post(CHAT, json={"messages": HELLO, "seed": 3})).json()
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "Hello there.", "refusal": None}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert body["gitex"]["seed"] == 3


async def test_a_streamed_completion_has_openais_chunks(client: httpx.AsyncClient) -> None:
    body = {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    answer = await client.post(CHAT, json=body)
    lines = [line.removeprefix("data: ") for line in answer.text.strip().split("\n\n")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == "Hello there."
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 9
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_the_spec_carries_what_was_asked(door: Door) -> None:
    body = {
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "kind"}]}
        ],
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "stop": "end",
        "max_completion_tokens": 9,
        "seed": 1,
    }
    async with door.client() as client:
        assert (await client.post(CHAT, json=body)).status_code == 200
    spec = door.text.specs[0]
    assert (spec.messages[0].role, spec.messages[0].content) == ("system", "be kind")
    assert (spec.temperature, spec.top_p, spec.top_k, spec.stop, spec.max_tokens) == (0.0, 0.5, 3, ("end",), 9)


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "pirate", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": "x" * 100_000}]}, "messages"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"seed": 2**64}, "seed"),
        ({"n": 2}, "n"),
        ({"tools": []}, "tools"),
        ({"model": "painter"}, "model"),
    ],
)
async def test_bad_chat_input_names_the_field(client: httpx.AsyncClient, extra: dict, field: str) -> None:
    answer = await client.post(CHAT, json={"messages": HELLO, **extra})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field


async def test_a_prompt_over_the_context_is_refused_with_the_models_words(door: Door) -> None:
    door.text.error = PromptTooLong("300 tokens; the context has 256", param="messages")
    async with door.client() as client:
        answer = await client.post(CHAT, json={"messages": HELLO, "stream": True})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "prompt_too_long"


async def test_copy_is_parsed(door: Door) -> None:
    door.text.answers = (GOOD_COPY,)
    async with door.client() as client:
        body = (
            await client.post("/v1/copy", json={"prompt": "a red star", "keywords": ["sky"], "tone": "bold"})
        ).json()
    assert body["title"] == "Red Star"
    assert body["hashtags"] == ["#red", "#star"]
    assert "sky" in door.text.specs[0].messages[-1].content


async def test_a_broken_answer_is_asked_for_again_with_the_next_seed(door: Door) -> None:
    door.text.answers = ("nonsense", GOOD_COPY)
    async with door.client() as client:
        body = (await client.post("/v1/copy", json={"prompt": "a red star", "seed": 4})).json()
    assert body["gitex"]["attempts"] == 2
    assert body["gitex"]["seed"] == 5


async def test_a_model_that_never_answers_in_form_is_an_error(door: Door) -> None:
    door.text.answers = ("nonsense",)
    async with door.client() as client:
        answer = await client.post("/v1/copy", json={"prompt": "a red star"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "engine_failure"


async def test_a_text_that_takes_too_long_is_a_504(door: Door) -> None:
    door.text.gate = asyncio.Event()
    async with door.client(request_timeout_s=0.05) as client:
        for url, body in ((CHAT, {"messages": HELLO}), ("/v1/copy", {"prompt": "a"})):
            answer = await client.post(url, json=body)
            assert answer.status_code == 504
            assert answer.json()["error"]["code"] == "deadline_exceeded"
