"""Pictures of prompt templates through the HTTP door: what hits the cache, and what is counted."""

import asyncio
import base64
from typing import Any

import httpx
import pytest

from gitex.errors import EngineFailure, Unavailable
from tests.fakes.models import png
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.test_images import events_of
from tests.unit.serve_app.http.test_templates_http import EMBLEM, SPARE, URL

VALUES = {"colour": "sea green", "shape": "star", "background": "black", "count": 2}
PROMPT = "a sea green star on a black background, 2 times"
IMAGES = f"{URL}/emblem/images"


@pytest.fixture
async def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a service that has the template `emblem`."""
    assert (await client.post(URL, json=EMBLEM)).status_code == 201
    return client


async def written() -> None:
    """The task that counts uses is done."""
    for _ in range(5):
        await asyncio.sleep(0)


def reads(door: Door, result: str, template: str = "emblem") -> float:
    return door.recorder.counted("gitex_template_reads_total", template=template, result=result)


BAD_REQUESTS = [
    ({"values": {**VALUES, "colour": "pink"}}, "values.colour"),
    ({"values": {**VALUES, "count": 4}}, "values.count"),
    ({"values": {**VALUES, "count": True}}, "values.count.str"),
    ({"values": {**VALUES, "shape": "{colour}"}}, "values.shape"),
    ({"values": {**VALUES, "size": "big"}}, "values"),
    ({"values": {}}, "values.colour"),
    ({}, "values.colour"),
    ({"values": VALUES, "prompt": "a star"}, "prompt"),
    ({"values": VALUES, "steps": 10**9}, "steps"),
    ({"values": VALUES, "truncation": 0.5}, "truncation"),
    ({"values": VALUES, "n": 1000}, "n"),
]


@pytest.mark.parametrize(("body", "param"), BAD_REQUESTS, ids=lambda value: str(value)[-60:])
async def test_a_bad_request_is_a_400_that_names_the_field(
    door: Door, client: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await client.post(IMAGES, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
    await written()
    assert (door.image.started, door.templates.uses) == ([], {})


async def test_the_second_request_for_the_same_values_is_a_hit_and_saves_what_the_first_one_took(
    door: Door, client: httpx.AsyncClient
) -> None:
    first = (await client.post(IMAGES, json={"values": VALUES})).json()["data"][0]
    assert (first["gitex"]["prompt"], first["gitex"]["seed"], first["gitex"]["cache"]) == (PROMPT, 41, "miss")
    assert base64.b64decode(first["b64_json"]) == png(door.image.started[0])
    assert door.recorder.counted("gitex_template_saved_seconds_total", template="emblem") == 0
    second = (await client.post(IMAGES, json={"values": VALUES, "seed": None})).json()["data"][0]
    assert (second["gitex"]["cache"], second["gitex"]["asset_id"]) == ("hit", first["gitex"]["asset_id"])
    assert (reads(door, "miss"), reads(door, "hit")) == (1, 1)
    saved = door.recorder.counted("gitex_template_saved_seconds_total", template="emblem")
    assert saved == pytest.approx(0.2 + 0.3 + 0.4), "encode, denoise and decode; not the queue"


async def test_the_same_prompt_and_seed_without_the_template_are_the_same_picture(client: httpx.AsyncClient) -> None:
    await client.post(IMAGES, json={"values": VALUES})
    plain = await client.post("/v1/images/generations", json={"prompt": PROMPT, "seed": 41})
    assert plain.json()["data"][0]["gitex"]["cache"] == "hit"


async def test_another_seed_and_no_cache_make_another_picture(door: Door, client: httpx.AsyncClient) -> None:
    await client.post(IMAGES, json={"values": VALUES})
    other = await client.post(IMAGES, json={"values": VALUES, "seed": 7})
    anew = await client.post(IMAGES, json={"values": VALUES}, headers={"cache-control": "no-cache"})
    assert other.json()["data"][0]["gitex"]["seed"] == 7
    assert anew.json()["data"][0]["gitex"]["cache"] == "bypass"
    assert (reads(door, "miss"), reads(door, "bypass")) == (2, 1)


async def test_every_field_of_a_request_for_pictures_counts(door: Door, client: httpx.AsyncClient) -> None:
    fields = {"size": "64x72", "steps": 3, "n": 2, "user": "ann", "strict": True, "adapters": ["ink:0.5"]}
    answer = await client.post(IMAGES, json={"values": VALUES, **fields})
    assert answer.json()["size"] == "64x72"
    assert [spec.seed for spec in door.image.started] == [41, 42]
    made = answer.json()["data"][0]["gitex"]
    assert (made["steps"], made["strict"], made["adapters"][0]["name"]) == (3, True, "ink")
    assert door.image.contexts[0].tenant == "ann"
    forged = await client.post(IMAGES, json={"values": VALUES, "model": "forger", "truncation": 0.5})
    assert forged.json()["data"][0]["gitex"]["truncation"] == 0.5


async def test_it_streams_and_answers_bare_pictures_as_any_request_does(client: httpx.AsyncClient) -> None:
    streamed = await client.post(IMAGES, json={"values": VALUES, "stream": True, "progress": True})
    names = [name for name, _ in events_of(streamed.text)]
    assert names == ["gitex.progress"] * 3 + ["image_generation.completed"]
    bare = await client.post(IMAGES, json={"values": VALUES}, headers={"accept": "image/png"})
    assert bare.headers["content-type"] == "image/png"
    assert '"cache":"hit"' in bare.headers["x-gitex-provenance"]


async def test_used_renderings_come_first_with_their_settings_and_then_what_nobody_used(
    client: httpx.AsyncClient,
) -> None:
    await client.post(URL, json=SPARE)
    for colour, more in (("gold", {}), ("teal", {"steps": 3, "user": "ann", "stream": False}), ("gold", {"n": 1})):
        await client.post(f"{URL}/spare/images", json={"values": {"colour": colour}, **more})
    await client.post(f"{URL}/spare/images", json={"values": {"colour": "gold"}, "response_format": "url"})
    await written()
    found = (await client.get(f"{URL}/spare/renderings")).json()["data"]
    assert found == [
        {"values": {"colour": "gold"}, "settings": {}, "uses": 2},
        {"values": {"colour": "teal"}, "settings": {"steps": 3}, "uses": 1},
        {"values": {"colour": "gold"}, "settings": {"n": 1}, "uses": 1},
        {"values": {"colour": "red"}, "settings": {}, "uses": 0},
        {"values": {"colour": "teal"}, "settings": {}, "uses": 0},
    ]

    async def some(**params: int) -> list[tuple[str, int]]:
        answer = await client.get(f"{URL}/spare/renderings", params=params)
        return [(each["values"]["colour"], each["uses"]) for each in answer.json()["data"]]

    assert await some(limit=1) == [("gold", 2)]
    assert await some(top=1) == [("gold", 2), ("red", 0), ("teal", 0)]
    assert await some(top=0, limit=2) == [("red", 0), ("teal", 0)]


async def test_a_template_with_free_words_has_only_the_renderings_that_were_used(client: httpx.AsyncClient) -> None:
    await client.post(IMAGES, json={"values": VALUES})
    await written()
    found = (await client.get(f"{URL}/emblem/renderings")).json()["data"]
    assert found == [{"values": VALUES, "settings": {}, "uses": 1}]


async def test_warming_is_no_use_and_moves_no_metric_but_the_next_request_hits(
    door: Door, client: httpx.AsyncClient
) -> None:
    warmed = await client.post(IMAGES, json={"values": VALUES, "warming": True})
    assert warmed.json()["data"][0]["gitex"]["cache"] == "miss"
    await written()
    assert (door.templates.uses, reads(door, "miss")) == ({}, 0)
    await client.post(IMAGES, json={"values": VALUES})
    assert reads(door, "hit") == 1


async def test_a_request_with_several_pictures_is_one_use_and_a_failed_one_is_none(
    door: Door, client: httpx.AsyncClient
) -> None:
    await client.post(IMAGES, json={"values": VALUES, "n": 3})
    door.image.error = EngineFailure("broke")
    assert (await client.post(IMAGES, json={"values": VALUES, "seed": 3})).status_code == 500
    await written()
    assert [sum(uses.values()) for uses in door.templates.uses.values()] == [1]
    assert reads(door, "miss") == 3


async def test_uses_that_cannot_be_written_fail_no_request(door: Door, client: httpx.AsyncClient) -> None:
    door.templates.error = Unavailable("the database does not answer")
    assert (await client.post(IMAGES, json={"values": VALUES})).status_code == 200
    await written()
    door.templates.error = None
    assert (await client.post(IMAGES, json={"values": VALUES})).status_code == 200
    await written()
    assert [sum(uses.values()) for uses in door.templates.uses.values()] == [1]
