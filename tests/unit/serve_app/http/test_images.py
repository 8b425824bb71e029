import base64
import hashlib
import io
import json

import httpx
import pytest
from PIL import Image

from gitex.errors import EngineFailure, Overloaded, Unavailable
from tests.unit.serve_app.http.conftest import Door

URL = "/v1/images/generations"


def events_of(text: str) -> list[tuple[str, dict]]:
    blocks = [block.split("\n", 1) for block in text.strip().split("\n\n")]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in blocks]


async def test_a_picture_comes_with_its_whole_provenance(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"prompt": "a star", "seed": 5, "size": "64x72", "steps": 3})
    assert answer.status_code == 200
    body = answer.json()
    picture = base64.b64decode(body["data"][0]["b64_json"])
    assert Image.open(io.BytesIO(picture)).size == (64, 72)
    provenance = body["data"][0]["gitex"]
    assert provenance["variant"] == "painter@1"
    assert provenance["weights_digest"].startswith("sha256:")
    assert (provenance["seed"], provenance["steps"], provenance["sampler"]) == (5, 3, "ddim")
    assert provenance["sha256"] == hashlib.sha256(picture).hexdigest()
    assert provenance["timing"] == {"queue": 0.1, "encode": 0.2, "denoise": 0.3, "decode": 0.4}
    assert provenance["cache"] == "miss"
    assert answer.headers["x-request-id"]


async def test_n_pictures_have_seeds_that_count_up_and_wrap(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"prompt": "a star", "seed": 2**64 - 1, "n": 2})
    assert [entry["gitex"]["seed"] for entry in answer.json()["data"]] == [2**64 - 1, 0]


async def test_accept_png_answers_the_bare_picture_with_its_provenance(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"prompt": "ein Stern \u2605", "seed": 1}, headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    provenance = json.loads(answer.headers["x-gitex-provenance"])
    assert provenance["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert provenance["prompt"] == "ein Stern \u2605"


async def test_a_url_leads_to_the_stored_bytes(client: httpx.AsyncClient) -> None:
    made = (await client.post(URL, json={"prompt": "a star", "response_format": "url"})).json()["data"][0]
    assert "b64_json" not in made
    stored = await client.get(made["url"])
    assert hashlib.sha256(stored.content).hexdigest() == made["gitex"]["sha256"]
    assert stored.headers["etag"] == f'"{made["gitex"]["sha256"]}"'
    again = await client.get(made["url"], headers={"if-none-match": stored.headers["etag"]})
    assert again.status_code == 304
    asset = (await client.get(f"/v1/assets/{made['gitex']['asset_id']}")).json()
    assert asset["gitex"] == {**made["gitex"], "cache": "stored"}


async def test_cache_states_and_no_cache(client: httpx.AsyncClient) -> None:
    body = {"prompt": "a star", "seed": 1}

    async def state(**headers: str) -> str:
        return (await client.post(URL, json=body, headers=headers)).json()["data"][0]["gitex"]["cache"]

    assert await state() == "miss"
    assert await state() == "hit"
    assert await state(**{"cache-control": "no-cache"}) == "bypass"


async def test_a_stream_has_openais_events(client: httpx.AsyncClient) -> None:
    body = {"prompt": "a star", "stream": True, "partial_images": 1, "progress": True}
    answer = await client.post(URL, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer.text)
    assert [name for name, _ in events] == [
        "gitex.progress",
        "gitex.progress",
        "image_generation.partial_image",
        "gitex.progress",
        "image_generation.completed",
    ]
    assert all(name == data["type"] for name, data in events)
    assert events[1][1] == {"type": "gitex.progress", "stage": "denoising", "step": 1, "total": 2}
    assert events[2][1]["partial_image_index"] == 0
    final = events[-1][1]
    assert final["gitex"]["sha256"] == hashlib.sha256(base64.b64decode(final["b64_json"])).hexdigest()


async def test_without_progress_a_stream_has_only_openais_events(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"prompt": "a star", "stream": True})
    assert [name for name, _ in events_of(answer.text)] == ["image_generation.completed"]


async def test_a_failure_before_the_stream_is_a_plain_error(door: Door) -> None:
    door.image.error = Overloaded("full", retry_after=2.5)
    async with door.client() as client:
        answer = await client.post(URL, json={"prompt": "a star", "stream": True})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["error"]["code"] == "queue_full"


async def test_a_failure_in_the_stream_is_an_error_event(door: Door) -> None:
    door.image.error, door.image.error_after_steps = EngineFailure("broke"), True
    async with door.client() as client:
        answer = await client.post(URL, json={"prompt": "a star", "stream": True, "progress": True})
    assert answer.status_code == 200
    name, data = events_of(answer.text)[-1]
    assert name == "error"
    assert data["error"]["code"] == "engine_failure"


async def test_a_gan_takes_its_own_settings_only(client: httpx.AsyncClient) -> None:
    made = await client.post(URL, json={"prompt": "star", "model": "forger", "truncation": 0.5})
    assert made.json()["data"][0]["gitex"]["truncation"] == 0.5
    refused = await client.post(URL, json={"prompt": "star", "model": "forger", "steps": 5})
    assert refused.json()["error"]["param"] == "steps"
    refused = await client.post(URL, json={"prompt": "star", "truncation": 0.5})
    assert refused.json()["error"]["param"] == "truncation"


BAD_BODIES = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": "   "}, "prompt"),
    ({"prompt": "x" * 100_000}, "prompt"),
    ({"prompt": "a", "negative_prompt": "x" * 100_000}, "negative_prompt"),
    ({}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": "a", "sampler": "magic"}, "sampler"),
    ({"prompt": "a", "size": "100x100"}, "size"),
    ({"prompt": "a", "size": "129x128"}, "size"),
    ({"prompt": "a", "size": "0x0"}, "size"),
    ({"prompt": "a", "size": "4096x4096"}, "size"),
    ({"prompt": "a", "size": "big"}, "size"),
    ({"prompt": "a", "n": 0}, "n"),
    ({"prompt": "a", "n": 1000}, "n"),
    ({"prompt": "a", "n": True}, "n"),
    ({"prompt": "a", "steps": -1}, "steps"),
    ({"prompt": "a", "steps": 10**9}, "steps"),
    ({"prompt": "a", "guidance_scale": -1}, "guidance_scale"),
    ({"prompt": "a", "seed": -1}, "seed"),
    ({"prompt": "a", "seed": 2**64}, "seed"),
    ({"prompt": "a", "stream": True, "n": 2}, "n"),
    ({"prompt": "a", "colour": "red"}, "colour"),
    ({"prompt": "a", "model": "writer"}, "model"),
]


@pytest.mark.parametrize(("body", "field"), BAD_BODIES, ids=lambda value: str(value)[:40])
async def test_bad_input_is_a_400_that_names_the_field(client: httpx.AsyncClient, body: dict, field: str) -> None:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == field
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
async def test_guidance_that_is_no_number_is_refused(client: httpx.AsyncClient, literal: bytes) -> None:
    body = b'{"prompt": "a", "guidance_scale": ' + literal + b"}"
    answer = await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "guidance_scale")


async def test_an_unknown_model_is_a_404_that_names_what_there_is(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"prompt": "a", "model": "painter@9"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "painter" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"prompt": "\xff"}', "application/json", 400),
        (b'{"prompt": "\\ud800"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"prompt": "a"}', "text/plain", 415),
        (b"prompt=a", "application/x-www-form-urlencoded", 415),
        (b'{"prompt": "' + b"a" * (1 << 21) + b'"}', "application/json", 413),
    ],
)
async def test_bad_bodies(client: httpx.AsyncClient, content: bytes, content_type: str, status: int) -> None:
    answer = await client.post(URL, content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_body_without_a_length_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless():
        while True:
            yield b" " * 65536

    answer = await client.post(URL, content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


async def test_a_replica_that_is_gone_is_a_503(door: Door) -> None:
    door.image.error = Unavailable("gone")
    async with door.client() as client:
        assert (await client.post(URL, json={"prompt": "a"})).status_code == 503


async def test_what_nobody_foresaw_is_a_500_in_the_envelope_that_tells_nothing(door: Door) -> None:
    door.image.error = ZeroDivisionError("secret")
    async with door.client() as client:
        answer = await client.post(URL, json={"prompt": "a"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]
