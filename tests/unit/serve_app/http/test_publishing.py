"""`POST /v1/assets/{id}/publish` and `GET /v1/assets/{id}/pins`."""

from datetime import UTC, datetime

import httpx

from gitex.publishing import Pin, PinStatus, Publication
from tests.unit.serve_app.http.conftest import Door

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def _asset_id(client: httpx.AsyncClient) -> str:
    made = await client.post("/v1/images/generations", json={"prompt": "a red star", "response_format": "url"})
    asset_id: str = made.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


async def test_publishing_is_asked_for_and_the_actor_is_woken(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    answer = await client.post(f"/v1/assets/{asset_id}/publish")
    assert (answer.status_code, answer.json()["state"], answer.json()["pins"]) == (202, "queued", [])
    assert door.publications.woken == 1
    assert list(door.publications.rows) == [asset_id]


async def test_pins_say_what_each_target_said(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    door.publications.rows[asset_id] = Publication(asset_id, "bafkpicture", "bafkdoc", "pinning", 2, "kubo: down", NOW)
    status = PinStatus("failed", reason="down")
    door.publications.pinned[asset_id] = [
        Pin("bafkpicture", "embedded", asset_id, PinStatus("pinned"), NOW, NOW),
        Pin("bafkpicture", "kubo", asset_id, status, NOW),
    ]
    body = (await client.get(f"/v1/assets/{asset_id}/pins")).json()
    assert body["metadata_uri"] == "ipfs://bafkdoc"
    assert (body["state"], body["reason"], body["quorum"]) == ("pinning", "kubo: down", 1)
    assert [(pin["target"], pin["state"], pin.get("reason")) for pin in body["pins"]] == [
        ("embedded", "pinned", None),
        ("kubo", "failed", "down"),
    ]


async def test_an_asset_that_is_not_there_or_not_published_is_not_found(client: httpx.AsyncClient) -> None:
    for answer in (await client.post("/v1/assets/ast_0/publish"), await client.get("/v1/assets/ast_0/pins")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "asset_not_found")
    asset_id = await _asset_id(client)
    answer = await client.get(f"/v1/assets/{asset_id}/pins")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "asset_not_found")
