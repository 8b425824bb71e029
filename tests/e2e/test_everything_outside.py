"""`gitex up` with every outside part configured: PostgreSQL, Redis, S3, an IPFS node and a pinning service.

PostgreSQL, Redis and the IPFS node are real; S3 is moto's server, and the pinning service follows the published API.
"""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from configs.catalog import REPOSITORY
from storage.ipfs.unixfs import file_cid
from tests.e2e.service import GITEX, interrupt, own_environment, running, wait_for
from tests.fakes.pinning_server import FakePinningService, pinning_service
from tests.fakes.ports import free_port
from tests.fakes.redis_server import RedisServer
from tests.integration.ipfs_node_process import IpfsNode


class Outside(NamedTuple):
    """The running parts."""

    redis: RedisServer
    node: IpfsNode
    pinning: FakePinningService


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    redis_server = RedisServer(tmp_path)
    with IpfsNode(tmp_path / "ipfs") as node, pinning_service() as pinning:
        pinning.plan = ("queued", "pinning", *["pinned"] * 20)
        redis_server.start()
        yield Outside(redis_server, node, pinning)
        redis_server.close()


@pytest.mark.timeout(500)
def test_a_picture_is_kept_cached_and_pinned_by_all_of_them(
    tmp_path: Path, postgres_url: str, s3_url: str, outside: Outside
) -> None:
    redis_server, ipfs_node, pinning = outside
    port, log = free_port(), tmp_path / "log"
    environment = own_environment(tmp_path / "data", port, free_port()) | {
        "GITEX_DATABASE_URL": postgres_url,
        "GITEX_REDIS_URL": redis_server.url,
        "GITEX_BLOB_URL": s3_url,
        "GITEX_IPFS_API": ipfs_node.url,
        "GITEX_PINNING_URL": pinning.url,
        "GITEX_PINNING_TOKEN": pinning.token,
        "GITEX_PIN_QUORUM": "3",
    }
    with running(environment, log) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        wait_for("Gitex is up", log, process)
        first, content = _make(client)
        cid = str(file_cid([content]))
        published = _published(client, first["asset_id"])
        assert {(pin["target"], pin["state"]) for pin in published["pins"]} == {
            (target, "pinned") for target in ("embedded", "kubo", "pinning-service")
        }
        assert published["cid"] == cid
        assert client.get(f"/ipfs/{cid}").content == content
        at_node = httpx.post(f"{ipfs_node.url}/api/v0/cat", params={"arg": cid}, timeout=20)
        assert at_node.content == content
        assert {entry.pin["cid"] for entry in pinning.entries.values()} == {cid, published["metadata_cid"]}
        assert _make(client)[0]["cache"] == "hit"
        assert redis_server.ask("DBSIZE") != 0

        redis_server.kill()
        assert _make(client)[0]["cache"] in ("hit", "miss", "joined")  # it goes on
        parts = client.get("/readyz").json()["parts"]
        assert "degraded" in {part["status"] for part in parts if part["name"] == "prompt cache"}
        assert client.get("/readyz").status_code == 200
        audit = _audit(environment)
        problems = {
            (row["target"], row["cid"]): row["problem"] for row in audit if row["asset_id"] == first["asset_id"]
        }
        roots = (cid, published["metadata_cid"])
        assert all(problems[target, root] == "" for target in ("embedded", "kubo") for root in roots)
        assert all("read back" in problems["pinning-service", root] for root in roots)

        assert client.delete(f"/v1/assets/{first['asset_id']}").status_code == 200
        _until(lambda: not any(entry.pin["cid"] == published["metadata_cid"] for entry in pinning.entries.values()))
        assert interrupt(process) == 0, log.read_text()
    assert pinning.wrong == []
    assert pinning.token not in log.read_text()


def _make(client: httpx.Client) -> tuple[dict[str, Any], bytes]:
    body = {"prompt": "a red star on a blue background", "seed": 4711, "steps": 3}
    answer = client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    [data] = answer.json()["data"]
    return data["gitex"], base64.b64decode(data["b64_json"])


def _published(client: httpx.Client, asset_id: str, seconds: float = 60) -> dict[str, Any]:
    give_up = time.monotonic() + seconds
    while True:
        body: dict[str, Any] = client.get(f"/v1/assets/{asset_id}/pins").json()
        if body["state"] == "published":
            return body
        assert time.monotonic() < give_up, body
        time.sleep(0.3)


def _until(found: Callable[[], bool], seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < give_up, "it did not come to it"
        time.sleep(0.3)


def _audit(environment: dict[str, str]) -> list[dict[str, Any]]:
    """`gitex pins verify`: the pinning service cannot be read back without a gateway, which makes it exit with 1."""
    command = [*GITEX, "pins", "verify", "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
