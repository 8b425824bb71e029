import asyncio
import json
from typing import Any

import httpx
import pytest

from gitex.copywriting import COPY_FORM, COPY_TOKENS
from gitex.errors import EngineFailure, PromptTooLong
from gitex.specs import Constraint
from tests.unit.serve_app.http.conftest import Door

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
GOOD_COPY = "Title: Red Star\nTagline: Shine on.\nDescription: A red star on blue.\nHashtags: #red #star"


def _chunks(stream: str) -> list[dict[str, Any]]:
    """The JSON of every event of a stream that ends well."""
    lines = [line.removeprefix("data: ") for line in stream.strip().split("\n\n")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


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
    chunks = _chunks(answer.text)
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
        "repetition_penalty": 1.5,
        "frequency_penalty": 1,
        "presence_penalty": -1,
        "seed": 1,
    }
    async with door.client() as client:
        assert (await client.post(CHAT, json=body)).status_code == 200
    spec = door.text.specs[0]
    assert (spec.messages[0].role, spec.messages[0].content) == ("system", "be kind")
    assert (spec.temperature, spec.top_p, spec.top_k, spec.stop, spec.max_tokens) == (0.0, 0.5, 3, ("end",), 9)
    assert (spec.repetition_penalty, spec.frequency_penalty, spec.presence_penalty) == (1.5, 1.0, -1.0)


async def test_several_answers_have_seeds_that_count_up_and_usage_that_adds_up(door: Door) -> None:
    door.text.answers = ("One.", "Two of them.")
    async with door.client() as client:
        body = (await client.post(CHAT, json={"messages": HELLO, "n": 3, "seed": 2**64 - 1})).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert [choice["message"]["content"] for choice in body["choices"]] == ["One.", "Two of them.", "One."]
    assert [spec.seed for spec in door.text.specs] == [2**64 - 1, 0, 1]
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


async def test_several_streamed_answers_are_told_apart_by_their_index(door: Door) -> None:
    door.text.answers = ("One.", "Two of them.")
    asked = {"messages": HELLO, "n": 2, "seed": 5, "stream": True, "stream_options": {"include_usage": True}}
    async with door.client() as client:
        chunks = _chunks((await client.post(CHAT, json=asked)).text)
    texts = {0: "", 1: ""}
    for chunk in chunks[:-1]:
        assert chunk["usage"] is None
        texts[chunk["choices"][0]["index"]] += chunk["choices"][0]["delta"].get("content", "")
    assert texts == {0: "One.", 1: "Two of them."}
    ends = [c for c in chunks[:-1] if c["choices"][0]["finish_reason"]]
    assert {(c["choices"][0]["index"], c["gitex"]["seed"]) for c in ends} == {(0, 5), (1, 6)}
    assert chunks[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


async def test_when_one_answer_fails_the_others_are_given_up(door: Door) -> None:
    door.text.gate, door.text.error_at = asyncio.Event(), 1
    door.text.error = EngineFailure("it broke")
    async with door.client() as client:
        answer = await client.post(CHAT, json={"messages": HELLO, "n": 3})
    assert answer.status_code == 500
    assert door.text.closed == 2


async def test_logprobs_have_openais_shape(door: Door) -> None:
    asked = {"messages": HELLO, "logprobs": True, "top_logprobs": 1}
    async with door.client() as client:
        whole = (await client.post(CHAT, json=asked)).json()["choices"][0]["logprobs"]
        chunks = _chunks((await client.post(CHAT, json={**asked, "stream": True})).text)
    assert whole["content"][0] == {
        "token": "Hello",
        "logprob": -0.5,
        "bytes": list(b"Hello"),
        "top_logprobs": [{"token": "Hello", "logprob": -0.5, "bytes": list(b"Hello")}],
    }
    streamed = [c["choices"][0]["logprobs"]["content"] for c in chunks if c["choices"][0]["logprobs"]]
    assert [entry for part in streamed for entry in part] == whole["content"]
    assert door.text.specs[0].top_logprobs == 1


async def test_a_response_format_becomes_a_constraint(door: Door) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}
    formats = (
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}},
    )
    async with door.client() as client:
        for response_format in formats:
            asked = {"messages": HELLO, "response_format": response_format}
            assert (await client.post(CHAT, json=asked)).status_code == 200
    constraints = [spec.constraint for spec in door.text.specs]
    assert constraints[:2] == [None, Constraint("json_schema", '{"type":"object"}')]
    assert constraints[2] is not None
    assert list(json.loads(constraints[2].text)["properties"]) == ["b", "a"]


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
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"presence_penalty": -3}, "presence_penalty"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.json_schema"),
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


async def test_copy_is_asked_for_in_its_form_and_parsed(door: Door) -> None:
    door.text.answers = (GOOD_COPY,)
    asked = {"prompt": "a red star", "keywords": ["sky"], "tone": "bold", "seed": 4}
    async with door.client() as client:
        body = (await client.post("/v1/copy", json=asked)).json()
    assert body["title"] == "Red Star"
    assert body["hashtags"] == ["#red", "#star"]
    assert body["gitex"]["seed"] == 4
    spec = door.text.specs[0]
    assert "sky" in spec.messages[-1].content
    assert (spec.constraint, spec.max_tokens) == (COPY_FORM, COPY_TOKENS)


async def test_copy_that_the_context_cuts_off_is_refused_with_the_numbers(door: Door) -> None:
    door.text.answers, door.text.reason = ("Title: Red Star",), "length"
    async with door.client() as client:
        answer = await client.post("/v1/copy", json={"prompt": "a red star"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("prompt_too_long", "prompt")
    assert "7 tokens" in error["message"]
    assert "256" in error["message"]


async def test_a_text_that_takes_too_long_is_a_504(door: Door) -> None:
    door.text.gate = asyncio.Event()
    async with door.client(request_timeout_s=0.05) as client:
        for url, body in ((CHAT, {"messages": HELLO}), ("/v1/copy", {"prompt": "a"})):
            answer = await client.post(url, json=body)
            assert answer.status_code == 504
            assert answer.json()["error"]["code"] == "deadline_exceeded"
