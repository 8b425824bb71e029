"""A picture's way after its answer, in the real cluster: cached, pinned, readable by its CID, whoever is killed."""

import base64
import hashlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

from storage.ipfs.unixfs import file_cid


def _make(client: httpx.Client, seed: int, **more: Any) -> tuple[str, bytes]:
    body = {"prompt": "a red star on a blue background", "seed": seed, "steps": 2, **more}
    answer = client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    [data] = answer.json()["data"]
    return data["gitex"]["asset_id"], base64.b64decode(data["b64_json"])


def _until(found: Callable[[], Any], seconds: float = 30) -> Any:
    give_up = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < give_up, "it did not come to it"
        time.sleep(0.2)
    return result


def _published(client: httpx.Client, asset_id: str) -> dict[str, Any] | None:
    answer = client.get(f"/v1/assets/{asset_id}/pins")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body if body["state"] == "published" else None


def _processes(name: str) -> list[int]:
    """Replicas of one of our deployments that this test's cluster runs."""
    ours = psutil.Process().children(recursive=True)
    return [p.pid for p in ours if f"ServeReplica:gitex:{name}" in " ".join(p.cmdline())]


def test_a_picture_is_published_and_reads_back_by_its_cid(client: httpx.Client) -> None:
    asset_id, content = _make(client, 9001)
    body = _until(lambda: _published(client, asset_id))
    assert body["cid"] == str(file_cid([content]))
    read = client.get(f"/ipfs/{body['cid']}")
    assert (read.content, read.headers["content-type"]) == (content, "image/png")
    document = client.get(f"/ipfs/{body['metadata_cid']}").json()
    assert document["image"] == f"ipfs://{body['cid']}"
    assert document["gitex"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_deleted_picture_is_gone_from_ipfs_too(client: httpx.Client) -> None:
    asset_id, _ = _make(client, 9002)
    cid = _until(lambda: _published(client, asset_id))["cid"]
    assert client.delete(f"/v1/assets/{asset_id}").status_code in (200, 204)
    assert client.get(f"/v1/assets/{asset_id}").status_code == 410
    _until(lambda: client.get(f"/ipfs/{cid}").status_code in (404, 410))


@pytest.mark.timeout(180)
def test_the_pinning_actor_may_be_killed_at_any_time(client: httpx.Client) -> None:
    made = []
    for seed in range(9100, 9108):
        made.append(_make(client, seed))
        if seed % 3 == 0:
            for pid in _processes("pinning"):
                os.kill(pid, signal.SIGKILL)
    for asset_id, content in made:
        body = _until(lambda asset_id=asset_id: _published(client, asset_id), 90)
        assert body["cid"] == str(file_cid([content]))
        roots = {body["cid"], body["metadata_cid"]}
        assert sorted((pin["target"], pin["cid"], pin["state"]) for pin in body["pins"]) == sorted(
            ("embedded", root, "pinned") for root in roots
        )
