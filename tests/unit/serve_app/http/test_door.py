import asyncio

import httpx
import pytest

from gitex import errors
from gitex.metrics import REQUESTS
from serve_app.http.errors import answer_to
from tests.unit.serve_app.http.conftest import Door


async def test_models_are_listed_and_found_by_name_or_variant(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()["data"]
    assert [model["id"] for model in listed] == ["painter", "forger", "writer"]
    assert (await client.get("/v1/models/painter@1")).json()["gitex"]["variant"] == "painter@1"
    assert (await client.get("/v1/models/nobody")).status_code == 404


async def test_unknown_paths_and_methods_are_told_in_the_envelope(client: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/assets/x", 404),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        assert answer.headers["x-request-id"]


async def test_the_callers_request_id_is_kept(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"x-request-id": "mine"})).headers["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic s3cret"}, 401),
        ({"authorization": "Bearer s3cret"}, 200),
    ],
)
async def test_a_key_is_asked_for_on_v1_only(door: Door, header: dict[str, str], status: int) -> None:
    async with door.client(api_key="s3cret") as client:
        answer = await client.get("/v1/models", headers=header)
        assert answer.status_code == status
        assert status == 200 or answer.json()["error"]["code"] == "invalid_api_key"
        assert (await client.get("/healthz")).status_code == 200


async def test_readiness_names_the_part_that_is_not_well(door: Door) -> None:
    async def well() -> None: ...

    async def broken() -> None:
        raise errors.Unavailable("no disk")

    async def hangs() -> None:
        await asyncio.Event().wait()

    door.checks = {"model": well}
    async with door.client() as client:
        assert (await client.get("/readyz")).json() == {
            "status": "ready",
            "parts": [{"name": "model", "status": "ok", "problem": None}],
        }
    door.checks = {"model": well, "store": broken, "cache": hangs}
    async with door.client() as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    problems = {part["name"]: part["problem"] for part in answer.json()["parts"]}
    assert problems == {"model": None, "store": "no disk", "cache": "no answer within 0.05 s"}


async def test_a_degraded_part_is_told_and_leaves_the_service_ready(door: Door) -> None:
    async def well() -> None: ...

    async def gone() -> None:
        raise errors.Unavailable("Redis is gone")

    door.checks, door.dispensable = {"model": well}, {"prompt cache": gone}
    async with door.client() as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "parts": [
            {"name": "model", "status": "ok", "problem": None},
            {"name": "prompt cache", "status": "degraded", "problem": "Redis is gone"},
        ],
    }


async def test_requests_are_counted_by_route_pattern(door: Door) -> None:
    async with door.client() as client:
        await client.get("/v1/assets/ast_1")
        await client.get("/v1/assets/ast_2")
        await client.get("/no/such/path")
    route = "/v1/assets/{asset_id}"
    assert door.recorder.counted(REQUESTS.name, route=route, method="GET", status="404") == 2
    assert door.recorder.counted(REQUESTS.name, route="unmatched", method="GET", status="404") == 1


async def test_metrics_and_docs_are_there(client: httpx.AsyncClient) -> None:
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "up 1" in metrics.text
    assert (await client.get("/docs")).status_code == 200


def test_every_error_kind_has_an_answer() -> None:
    def kinds(kind: type[errors.GitexError]) -> set[type[errors.GitexError]]:
        return {kind}.union(*(kinds(below) for below in kind.__subclasses__()))

    statuses = {kind.__name__: answer_to(kind.__new__(kind)).status for kind in kinds(errors.GitexError)}
    assert statuses["PromptTooLong"] == 400
    assert statuses["ModelNotFound"] == 404
    assert statuses["OutOfMemory"] == 500
    assert (statuses["Reverted"], statuses["TransactionRefused"], statuses["WrongChain"]) == (409, 502, 503)
    assert all(400 <= status < 600 for status in statuses.values())
