"""A picture's way to its token, in the real cluster on the embedded chain, whoever is killed."""

import asyncio
import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import ray
from ray import serve

from chain.addresses import load_addresses
from chain.site import rpc_url
from configs.catalog import REPOSITORY
from configs.chains import load_chain
from configs.settings import describe_settings, load_settings
from tests.integration.chain.viem_client import run_script
from tests.integration.conftest import MinterKey
from tests.integration.development_wallet import HOLDER, send


def _make(client: httpx.Client, seed: int) -> str:
    body = {"prompt": "a red star on a blue background", "seed": seed, "steps": 2, "response_format": "url"}
    answer = client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    asset_id: str = answer.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


def _order(client: httpx.Client, asset_id: str, **more: object) -> dict[str, Any]:
    answer = client.post(f"/v1/assets/{asset_id}/mint", json={"recipient": HOLDER, **more})
    assert answer.status_code == 202, answer.text
    mint: dict[str, Any] = client.get(answer.headers["location"]).json()
    return mint


def _final(client: httpx.Client, mint_id: str) -> dict[str, Any] | None:
    answer = client.get(f"/v1/mints/{mint_id}")
    assert answer.status_code == 200, answer.text
    mint: dict[str, Any] = answer.json()
    assert mint["state"] != "failed", mint
    return mint if mint["state"] == "final" else None


def _token(client: httpx.Client, token_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/tokens/{token_id}")
    assert answer.status_code == 200, answer.text
    token: dict[str, Any] = answer.json()
    return token


def _curl(url: str, body: str) -> Any:
    command = ["curl", "-sf", url, "-H", "content-type: application/json", "-d", body]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def _until(found: Callable[[], Any], seconds: float = 60) -> Any:
    give_up = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < give_up, "it did not come to it"
        time.sleep(0.2)
    return result


def _processes(name: str) -> list[int]:
    """Replicas of one of our deployments that this test's cluster runs."""
    ours = psutil.Process().children(recursive=True)
    return [p.pid for p in ours if f"ServeReplica:gitex:{name}" in " ".join(p.cmdline())]


def test_a_picture_is_minted_by_one_call(client: httpx.Client) -> None:
    asset_id = _make(client, 7001)
    mint = _order(client, asset_id, royalty_bps=250)
    done = _until(lambda: _final(client, mint["id"]))
    assert (done["recipient"], done["creator"], done["royalty_bps"]) == (HOLDER, HOLDER, 250)
    assert done["confirmations"] >= 3
    assert done["finalized_at"] >= done["created_at"]
    again = client.post(f"/v1/assets/{asset_id}/mint", json={"recipient": HOLDER}).json()
    assert (again["id"], again["state"]) == (mint["id"], "final")


def test_the_token_reads_back_and_all_of_it_matches(client: httpx.Client) -> None:
    asset_id = _make(client, 7011)
    ordered = _order(client, asset_id)
    mint = _until(lambda: _final(client, ordered["id"]))
    token = _token(client, mint["token_id"])
    assert (token["owner"], token["final"]) == (HOLDER, True)
    assert token["mint"]["transaction_hash"] == mint["transaction_hash"]
    assert {check["name"]: check["verdict"] for check in token["checks"]} == dict.fromkeys(
        ("metadata", "asset", "prompt_history", "model", "creator"), "ok"
    )
    content = client.get(f"/v1/assets/{asset_id}/content").content
    assert token["token_id_hex"] == f"0x{hashlib.sha256(content).hexdigest()}"


@pytest.mark.timeout(300)  # npm may install viem, once
def test_a_client_that_nobody_here_wrote_reads_what_curl_made_and_minted(base_url: str, client: httpx.Client) -> None:
    made = _curl(f"{base_url}/v1/images/generations", '{"prompt": "a teal ring", "seed": 7031, "steps": 2}')["data"][0]
    picture = base64.b64decode(made["b64_json"])
    mint_url = f"{base_url}/v1/assets/{made['gitex']['asset_id']}/mint"
    mint = _curl(mint_url, f'{{"recipient": "{HOLDER}", "royalty_bps": 250}}')
    for pid in _processes("minting"):
        os.kill(pid, signal.SIGKILL)
    _until(lambda: _final(client, mint["id"]), 120)

    settings, digest = load_settings(), f"0x{hashlib.sha256(picture).hexdigest()}"
    seen = run_script(
        "read_token.mjs",
        {
            "url": rpc_url(settings, load_chain("local")),
            "nft": mint["contract"],
            "tokenId": mint["token_id"],
            "assetDigest": digest,
            "fromBlock": load_addresses(settings.chain_addresses, mint["chain_id"]).deployed_at_block,
        },
    )
    assert (seen["owner"], seen["provenance"]["assetDigest"], seen["assetMatches"]) == (HOLDER, digest, True)
    assert (json.loads(seen["prompt"]), seen["promptMatches"], seen["events"]) == (["a teal ring"], True, 1)
    assert seen["royalty"] == [HOLDER, "250"]
    document = client.get(seen["tokenURI"].replace("ipfs://", "/ipfs/")).json()
    assert client.get(document["image"].replace("ipfs://", "/ipfs/")).content == picture
    assert document["gitex"]["weights_digest"] == f"sha256:{seen['provenance']['modelDigest'][2:]}"
    assert _token(client, mint["token_id"])["matches"]


def test_the_creators_own_wallet_mints_with_a_voucher(client: httpx.Client) -> None:
    asset_id = _make(client, 7021)
    body = {"creator": HOLDER, "price_wei": "1000", "royalty_bps": 100}
    answer = client.post(f"/v1/assets/{asset_id}/voucher", json=body)
    assert answer.status_code == 200, answer.text
    voucher = answer.json()
    inclusion = asyncio.run(
        send(voucher["contract"], bytes.fromhex(voucher["calldata"][2:]), int(voucher["price_wei"]))
    )
    assert inclusion.succeeded
    token = _token(client, voucher["token_id"])
    assert (token["owner"], token["matches"], token["royalty"]["bps"]) == (HOLDER, True, 100)

    again = client.post(f"/v1/assets/{asset_id}/voucher", json=body)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    order = _order(client, asset_id, royalty_bps=100)  # for the same holder: it is there already
    assert _until(lambda: _final(client, order["id"]))["token_id"] == voucher["token_id"]


def test_minting_is_ready_and_says_so(client: httpx.Client) -> None:
    parts = {part["name"]: part for part in client.get("/readyz").json()["parts"]}
    assert parts["minting"] == {"name": "minting", "status": "ok", "problem": None}


@pytest.mark.timeout(240)
def test_the_minting_actor_may_be_killed_at_any_time(client: httpx.Client) -> None:
    mints = []
    for seed in range(7100, 7108):
        mints.append(_order(client, _make(client, seed))["id"])
        if seed % 2 == 0:
            for pid in _processes("minting"):
                os.kill(pid, signal.SIGKILL)
    done = [_until(lambda mint_id=mint_id: _final(client, mint_id), 120) for mint_id in mints]
    assert len({mint["token_id"] for mint in done}) == len(mints)


def test_no_key_and_no_password_is_written_anywhere(client: httpx.Client, minter_key: MinterKey) -> None:
    mint = _order(client, _make(client, 7201))
    assert _until(lambda: _final(client, mint["id"]))["transaction_hash"]
    key = minter_key.key
    secrets = [secret.lower() for secret in (minter_key.password.encode(), key, key.hex().encode(), repr(key).encode())]
    logs = [file for file in Path(ray._private.worker._global_node.get_logs_dir_path()).rglob("*") if file.is_file()]
    assert any("minting" in file.name for file in logs)
    shown = {str(file): file.read_bytes() for file in logs} | {
        "metrics": client.get("/metrics").content,
        "readiness": client.get("/readyz").content,
        "settings": repr((load_settings(), describe_settings())).encode(),
        "actors": repr(ray.util.list_named_actors(all_namespaces=True)).encode(),
        "deployments": repr(serve.status()).encode(),
    }
    told = [name for name, content in shown.items() if any(secret in content.lower() for secret in secrets)]
    assert told == []


def test_the_documented_calls_work_as_they_stand(client: httpx.Client, base_url: str) -> None:
    for seed in (7301, 7302):
        _make(client, seed)
    text = (REPOSITORY / "docs/http-api.md").read_text()
    chapter = text.partition("\n## Minting\n")[2].partition("\n## Prompt templates\n")[0]
    calls = "".join(re.findall(r"^```sh\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL))
    calls = calls.replace("http://127.0.0.1:8000", base_url)
    calls = calls.replace(".venv/bin/gitex", f"{sys.executable} -m serve_app.cli")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "GITEX_PORT": base_url.rpartition(":")[2]}
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", calls], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "202 Accepted" in ran.stdout
    assert '"object":"voucher"' in ran.stdout
    assert re.search("mnt_[0-9a-f]+ final\n", ran.stdout)
    assert '"matches":true' in ran.stdout
