from dataclasses import replace

import httpx
import pytest

from tests.fakes.models import ADAPTERS, image_info
from tests.unit.serve_app.http.conftest import Door

GENERATIONS = "/v1/images/generations"


async def made(client: httpx.AsyncClient, **fields: object) -> str:
    answer = await client.post(GENERATIONS, json={"prompt": "a star", "seed": 5, **fields})
    asset_id: str = answer.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


async def test_a_strict_asset_is_verified_by_its_digest(client: httpx.AsyncClient) -> None:
    asset_id = await made(client, strict=True)
    answer = await client.post(f"/v1/assets/{asset_id}/verify")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    execution = {
        "strict": True,
        "device": "cpu: fake",
        "dtype": "float32",
        "versions": ["torch 2.13.0", "diffusers 0.42.1"],
    }
    assert body == {
        "object": "asset.verification",
        "asset_id": asset_id,
        "method": "sha256",
        "passed": True,
        "identical": True,
        "sha256_expected": body["sha256_actual"],
        "sha256_actual": body["sha256_expected"],
        "psnr_db": None,
        "execution_then": execution,
        "execution_now": execution,
        "differences": [],
    }


async def test_another_picture_does_not_pass(door: Door) -> None:
    async with door.client() as client:
        asset_id = await made(client)
        door.image.shift = 30
        body = (await client.post(f"/v1/assets/{asset_id}/verify", json={})).json()
    assert (body["method"], body["passed"], body["identical"]) == ("psnr", False, False)
    assert 0 < body["psnr_db"] < 40
    assert body["sha256_actual"] != body["sha256_expected"]


async def test_what_cannot_be_verified_is_told_by_status_and_code(door: Door) -> None:
    async with door.client() as client:
        asset_id = await made(client)
        missing = await client.post("/v1/assets/ast_none/verify")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "asset_not_found")
    same = door.image.info
    other_weights = replace(same, variant=replace(same.variant, weights_digest="sha256:" + "f" * 64))
    for info, status, code in (
        (image_info(version=2), 404, "model_not_found"),
        (other_weights, 409, "weights_mismatch"),
    ):
        door.image.info = info
        async with door.client() as client:
            answer = await client.post(f"/v1/assets/{asset_id}/verify")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert "painter@1" in answer.json()["error"]["message"]


async def test_provenance_tells_how_it_ran(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        GENERATIONS,
        json={"prompt": "a star", "strict": True, "adapters": [{"name": "ink", "weight": 0.5}, "glow:2"]},
    )
    provenance = answer.json()["data"][0]["gitex"]
    assert provenance["strict"] is True
    assert provenance["execution"]["device"] == "cpu: fake"
    assert provenance["adapters"] == [
        {"name": "glow", "weights_digest": ADAPTERS[0][1], "weight": 2.0},
        {"name": "ink", "weights_digest": ADAPTERS[1][1], "weight": 0.5},
    ]
    assert "source" not in provenance
    stored = (await client.get(f"/v1/assets/{provenance['asset_id']}")).json()["gitex"]
    assert stored == {**provenance, "cache": "stored"}


async def test_priority_reaches_the_engine(door: Door) -> None:
    async with door.client() as client:
        await made(client, priority=10)
    assert door.image.contexts[0].priority == 10


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"strict": 1}, "strict"),
        ({"priority": 11}, "priority"),
        ({"adapters": [{"name": "soot"}]}, "adapters"),
        ({"adapters": [{"name": "ink"}, {"name": "ink"}]}, "adapters"),
        ({"adapters": [{"name": "ink", "weight": 5}]}, "adapters.0.weight"),
        ({"adapters": [{"weight": 1}]}, "adapters.0.name"),
        ({"adapters": [5]}, "adapters.0"),
        ({"adapters": "ink"}, "adapters"),
        ({"adapters": ["ink"] * 9}, "adapters"),
    ],
    ids=str,
)
async def test_bad_extras_are_a_400_that_names_the_field(
    client: httpx.AsyncClient, fields: dict[str, object], param: str
) -> None:
    answer = await client.post(GENERATIONS, json={"prompt": "a star", **fields})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_models_tell_what_they_take(client: httpx.AsyncClient) -> None:
    painter, forger, _ = (await client.get("/v1/models")).json()["data"]
    assert painter["gitex"]["image"]["batching"] == "step"
    assert painter["gitex"]["image"]["takes_images"] is True
    assert painter["gitex"]["image"]["adapters"] == [
        {"name": name, "weights_digest": digest} for name, digest in ADAPTERS
    ]
    assert (forger["gitex"]["image"]["takes_images"], forger["gitex"]["image"]["adapters"]) == (False, [])
