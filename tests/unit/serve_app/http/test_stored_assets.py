"""Listing, reading and deleting stored pictures, and how one descends from another, over the real store."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from configs.store_addresses import sqlite_url
from gitex.errors import StorageFull
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.test_edits import PHOTO, post


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """The door with rows in SQLite and bytes in files."""
    store = await SqlAssetStore.open(sqlite_url(door.folder / "gitex.db"), LocalBlobStore(door.folder / "blobs"))
    door.assets = store  # type: ignore[assignment]
    async with door.client() as client:
        yield client
    await store.close()


async def _make(client: httpx.AsyncClient, **fields: Any) -> tuple[str, bytes]:
    """A picture's id and bytes."""
    body = {"prompt": "a star", "response_format": "b64_json", "size": "64x64", **fields}
    answer = await client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    made = answer.json()["data"][0]
    return made["gitex"]["asset_id"], base64.b64decode(made["b64_json"])


async def _edit(client: httpx.AsyncClient, image: bytes, **fields: Any) -> str:
    answer = await post(client, image=image, response_format="b64_json", **fields)
    assert answer.status_code == 200, answer.text
    asset_id: str = answer.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


async def test_the_newest_pictures_come_first_page_by_page(client: httpx.AsyncClient) -> None:
    ids = [(await _make(client, seed=seed))[0] for seed in range(5)]
    first = (await client.get("/v1/assets", params={"limit": 3})).json()
    assert (first["object"], first["has_more"]) == ("list", True)
    assert [asset["id"] for asset in first["data"]] == ids[:1:-1]
    assert (first["first_id"], first["last_id"]) == (ids[4], ids[2])
    second = (await client.get("/v1/assets", params={"limit": 3, "after": first["next"]})).json()
    assert [asset["id"] for asset in second["data"]] == ids[1::-1]
    assert second["has_more"] is False
    assert "next" not in second
    assert second["data"][0] == (await client.get(f"/v1/assets/{ids[1]}")).json()


async def test_an_empty_store_has_an_empty_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/assets")).json() == {"object": "list", "data": [], "has_more": False}


async def test_filters_are_taken_from_the_query(client: httpx.AsyncClient) -> None:
    red, content = await _make(client, prompt="a RED ring", seed=1)
    blue, _ = await _make(client, prompt="a blue ring", seed=2)
    moving, _ = await _make(client, model="forger", prompt="a ring", seed=3, end_seed=4)
    edit = await _edit(client, content, prompt="a bluer ring")

    async def found(**query: str) -> list[str]:
        return [asset["id"] for asset in (await client.get("/v1/assets", params=query)).json()["data"]]

    assert await found(text="red") == [red]
    assert await found(kind="animation") == [moving]
    assert await found(kind="edit") == await found(parent=red) == [edit]
    assert await found(variant="forger@1") == [moving]
    assert await found(text="BLUE", kind="image") == [blue]


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("kind=text", "kind"), ("after=x", "after"), ("page=2", "page")],
)
async def test_a_bad_filter_is_refused_by_name(client: httpx.AsyncClient, query: str, param: str) -> None:
    answer = await client.get(f"/v1/assets?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_an_edit_of_a_stored_picture_is_its_child_with_its_history(client: httpx.AsyncClient) -> None:
    root, content = await _make(client)
    child = await _edit(client, content, prompt="a red star", seed="5")
    body = (await client.get(f"/v1/assets/{child}")).json()
    assert (body["kind"], body["parent"], body["creator"]) == ("edit", root, "tester")
    assert body["prompt_history"] == ["a star", "a red star"]
    child_content = (await client.get(f"/v1/assets/{child}/content")).content
    # Of another size: the engine begins from other bytes than were uploaded.
    grandchild = await _edit(client, child_content, prompt="a huge red star", size="128x128")
    body = (await client.get(f"/v1/assets/{grandchild}")).json()
    assert body["parent"] == child
    assert body["prompt_history"] == ["a star", "a red star", "a huge red star"]
    assert body["cid"].startswith("bafkrei")


async def test_an_edit_of_an_unknown_picture_has_no_parent(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"/v1/assets/{await _edit(client, PHOTO)}")).json()
    assert "parent" not in body
    assert body["prompt_history"] == ["a star"]


async def test_a_deleted_picture_is_gone_for_good_and_made_anew_when_asked_for(client: httpx.AsyncClient) -> None:
    asset_id, content = await _make(client, user="ada", seed=1)
    answer = await client.delete(f"/v1/assets/{asset_id}", params={"user": "ada"})
    assert (answer.status_code, answer.json()) == (200, {"id": asset_id, "object": "asset.deleted", "deleted": True})
    for call in (
        client.get(f"/v1/assets/{asset_id}"),
        client.get(f"/v1/assets/{asset_id}/content"),
        client.post(f"/v1/assets/{asset_id}/verify"),
        client.delete(f"/v1/assets/{asset_id}", params={"user": "ada"}),
    ):
        gone = await call
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "asset_deleted")
    assert (await client.get("/v1/assets")).json()["data"] == []
    again, same = await _make(client, user="ada", seed=1)
    assert again != asset_id
    assert same == content


async def test_only_its_creator_deletes_a_picture(client: httpx.AsyncClient) -> None:
    asset_id, _ = await _make(client, user="ada")
    for params in ({}, {"user": "bob"}):
        answer = await client.delete(f"/v1/assets/{asset_id}", params=params)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "asset_not_found")
    assert (await client.get(f"/v1/assets/{asset_id}")).status_code == 200


async def test_a_full_disk_is_told_as_such(door: Door, client: httpx.AsyncClient) -> None:
    door.image.error = StorageFull("the blob store has no room")
    answer = await client.post("/v1/images/generations", json={"prompt": "a star"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
