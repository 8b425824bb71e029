"""Prompt templates through the HTTP door."""

from typing import Any

import httpx
import pytest

URL = "/v1/templates"
EMBLEM: dict[str, Any] = {
    "name": "emblem",
    "text": "a {colour} {shape} on a {background} background, {count} times",
    "slots": [
        {"name": "colour", "type": "choice", "options": ["red", "sea green"]},
        {"name": "shape", "type": "text", "max_length": 20},
        {"name": "background", "type": "choice", "options": ["black"]},
        {"name": "count", "type": "integer", "minimum": 1, "maximum": 3},
    ],
    "seed": 41,
}
SPARE: dict[str, Any] = {
    "name": "spare",
    "text": "a {colour} star",
    "slots": [{"name": "colour", "type": "choice", "options": ["red", "teal", "gold"]}],
}


@pytest.fixture
async def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a service that has the template `emblem`."""
    assert (await client.post(URL, json=EMBLEM)).status_code == 201
    return client


async def test_a_template_is_kept_and_found_by_name_and_id(client: httpx.AsyncClient) -> None:
    found = (await client.get(f"{URL}/emblem")).json()
    assert {name: found[name] for name in EMBLEM} == EMBLEM
    assert (found["object"], found["creator"], found["combinations"]) == ("template", "anonymous", None)
    assert (await client.get(f"{URL}/{found['id']}")).json() == found


async def test_its_combinations_are_counted_and_a_seed_is_drawn_once(client: httpx.AsyncClient) -> None:
    made = (await client.post(URL, json={**SPARE, "user": "ann"})).json()
    assert (made["combinations"], made["creator"]) == (3, "ann")
    assert (await client.get(f"{URL}/spare")).json()["seed"] == made["seed"]


async def test_a_taken_name_is_a_409(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={**SPARE, "name": "emblem"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["param"]) == (
        409,
        "conflict",
        "name",
    )


async def test_templates_are_listed_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.post(URL, json={**SPARE, "name": f"spare-{number}"})
    first = (await client.get(URL, params={"limit": 3})).json()
    assert [template["name"] for template in first["data"]] == ["spare-2", "spare-1", "spare-0"]
    last = (await client.get(URL, params={"limit": 3, "after": first["next"]})).json()
    assert ([template["name"] for template in last["data"]], last["next"]) == (["emblem"], None)
    assert (await client.get(URL, params={"after": "nonsense"})).json()["error"]["param"] == "after"


async def test_a_deleted_template_is_gone_and_its_name_free(client: httpx.AsyncClient) -> None:
    assert (await client.delete(f"{URL}/emblem")).status_code == 204
    for answer in (
        await client.get(f"{URL}/emblem"),
        await client.delete(f"{URL}/emblem"),
        await client.post(f"{URL}/emblem/images", json={}),
        await client.get(f"{URL}/emblem/renderings"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await client.post(URL, json=EMBLEM)).status_code == 201


BAD_TEMPLATES = [
    ({"name": "Emblem"}, "name"),
    ({"name": "an_id"}, "name"),
    ({"name": ""}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"text": "a {colour"}, "text"),
    ({"text": "a {shape}"}, "slots"),
    ({"text": "a {colour} {shape}"}, "text"),
    ({"text": " "}, "text"),
    ({"slots": []}, "text"),
    ({"slots": [{"name": "colour", "type": "choice", "options": ["{x}"]}]}, "slots"),
    ({"slots": [{"name": "colour", "type": "choice", "options": ["red", "red"]}]}, "slots"),
    ({"slots": [*SPARE["slots"], {"name": "colour", "type": "text", "max_length": 5}]}, "slots"),
    ({"slots": [{"name": "colour", "type": "integer", "minimum": 2, "maximum": 1}]}, "slots"),
    ({"slots": [{"name": "colour", "type": "text", "max_length": 0}]}, "slots.0.text.max_length"),
    ({"slots": [{"name": "colour", "type": "regex"}]}, "slots.0"),
    ({"seed": -1}, "seed"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_TEMPLATES, ids=lambda value: str(value)[:60])
async def test_a_bad_template_is_a_400_that_names_the_field(
    client: httpx.AsyncClient, changes: dict[str, Any], param: str
) -> None:
    answer = await client.post(URL, json=SPARE | changes)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("key", ["a%00b", "a%20b", "x" * 65, "%F0%9F%8C%9F"])
async def test_a_key_that_no_template_can_have_is_refused(client: httpx.AsyncClient, key: str) -> None:
    assert (await client.get(f"{URL}/{key}")).status_code == 400
