"""`POST /v1/assets/{id}/voucher`."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gitex.metadata import prompt_history_sha256
from gitex.publishing import Publication, PublicationState
from storage.ipfs.cid import Cid
from tests.fakes.mints import ALICE, BOB, NFT, NOW
from tests.unit.serve_app.http.conftest import Door

DOCUMENT = b"a metadata document"
CID = str(Cid.of("raw", DOCUMENT))


async def _asset_id(client: httpx.AsyncClient, **more: object) -> str:
    made = await client.post("/v1/images/generations", json={"prompt": "a star", "response_format": "url", **more})
    asset_id: str = made.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


def _publish(door: Door, asset_id: str, state: PublicationState = "published", reason: str = "") -> None:
    door.publications.rows[asset_id] = Publication(asset_id, "bafk", CID, state, 0, reason, NOW)


@pytest.fixture
async def asset_id(door: Door, client: httpx.AsyncClient) -> str:
    """Of one that is published."""
    asset_id = await _asset_id(client)
    _publish(door, asset_id)
    return asset_id


async def _voucher(client: httpx.AsyncClient, asset_id: str, **body: object) -> httpx.Response:
    return await client.post(f"/v1/assets/{asset_id}/voucher", json={"creator": ALICE, **body})


def _error(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def test_a_voucher_is_for_the_creator_and_says_what_is_minted(
    door: Door, client: httpx.AsyncClient, asset_id: str
) -> None:
    answer = await _voucher(client, asset_id, royalty_bps=250, price_wei=str(2**200), valid_for_s=3600)
    assert answer.status_code == 200, answer.text
    body, asset = answer.json(), door.assets.assets[asset_id]
    told = {name: body[name] for name in ("object", "chain_id", "contract", "creator", "token_id", "price_wei")}
    assert told == {
        "object": "voucher",
        "chain_id": 31337,
        "contract": NFT,
        "creator": ALICE,
        "token_id": str(int(asset.sha256, 16)),
        "price_wei": str(2**200),
    }
    assert datetime.fromisoformat(body["deadline"]) == NOW + timedelta(hours=1)
    request = body["typed_data"]["message"]["request"]
    assert (request["to"], request["royaltyBps"], request["metadataCodec"]) == (ALICE, "250", "85")
    assert request["metadataDigest"] == f"0x{hashlib.sha256(DOCUMENT).hexdigest()}"
    assert request["modelDigest"] == "0x" + asset.spec.variant.weights_digest.removeprefix("sha256:")
    prompt = bytes.fromhex(request["prompt"].removeprefix("0x"))
    assert hashlib.sha256(prompt).hexdigest() == prompt_history_sha256(asset.prompt_history)
    assert body["calldata"].startswith("0x")


async def test_the_token_may_go_to_somebody_else(client: httpx.AsyncClient, asset_id: str) -> None:
    body = (await _voucher(client, asset_id, recipient=BOB)).json()
    request = body["typed_data"]["message"]["request"]
    assert (request["to"], request["creator"], body["price_wei"]) == (BOB, ALICE, "0")


async def test_publishing_is_asked_for_and_waited_for(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)

    async def published_at_the_third_look(seconds: float) -> None:
        await type(door.minting).pause(door.minting, seconds)
        if door.minting.paused == 3:
            _publish(door, asset_id)

    door.minting.pause = published_at_the_third_look  # type: ignore[method-assign]
    async with door.client() as client_of_it:
        answer = await _voucher(client_of_it, asset_id)
    assert (answer.status_code, door.minting.paused, door.publications.woken) == (200, 3, 1)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "is not published yet (queued: kubo: down)"),
        ("pinning", "is not published yet (pinning: kubo: down)"),
        ("failed", "cannot be published, which a voucher needs (failed: kubo: down)"),
    ],
)
async def test_what_is_not_published_in_time_gets_none(
    door: Door, client: httpx.AsyncClient, asset_id: str, state: PublicationState, words: str
) -> None:
    _publish(door, asset_id, state, "kubo: down")
    answer = await _voucher(client, asset_id)
    assert _error(answer) == (503, "unavailable", None)
    assert words in answer.json()["error"]["message"]
    assert door.minting.paused == (0 if state == "failed" else 50)


async def test_the_callers_deadline_is_kept(door: Door, asset_id: str) -> None:
    _publish(door, asset_id, "queued")
    door.minting.time = datetime.now(UTC) + timedelta(seconds=4)
    async with door.client(request_timeout_s=3) as client:
        assert _error(await _voucher(client, asset_id)) == (503, "unavailable", None)
    assert door.minting.paused == 0


async def test_what_is_minted_or_being_minted_gets_none(door: Door, client: httpx.AsyncClient, asset_id: str) -> None:
    digest = bytes.fromhex(door.assets.assets[asset_id].sha256)
    door.minting.minted.add(digest)
    assert _error(await _voucher(client, asset_id)) == (409, "conflict", "asset_id")
    door.minting.minted.clear()
    mint = await client.post(f"/v1/assets/{asset_id}/mint", json={"recipient": BOB})
    assert _error(await _voucher(client, asset_id)) == (409, "conflict", "asset_id")
    mint_id = mint.json()["id"]
    door.mints.rows[mint_id] = replace(door.mints.rows[mint_id], state="failed")
    assert (await _voucher(client, asset_id)).status_code == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"creator": "0x" + "0" * 40}, "creator"),
        ({"creator": ALICE.replace("C5", "c5")}, "creator"),
        ({"recipient": "0x" + "0" * 40}, "recipient"),
        ({"price_wei": str(2**256)}, "price_wei"),
        ({"price_wei": "-1"}, "price_wei"),
        ({"price_wei": 1}, "price_wei"),
        ({"valid_for_s": 59}, "valid_for_s"),
        ({"valid_for_s": 30 * 24 * 3600 + 1}, "valid_for_s"),
        ({"royalty_bps": 1001}, "royalty_bps"),
    ],
)
async def test_terms_that_no_contract_takes_are_refused_by_name(
    door: Door, client: httpx.AsyncClient, asset_id: str, body: dict[str, object], param: str
) -> None:
    assert _error(await _voucher(client, asset_id, **body)) == (400, "invalid_value", param)
    assert not door.minting.jobs


async def test_a_signer_that_is_gone_and_a_chain_that_is_not_set_up_say_so(
    door: Door, client: httpx.AsyncClient, asset_id: str
) -> None:
    door.minting.problem = "the signer does not answer"
    answer = await _voucher(client, asset_id)
    assert (_error(answer)[0], "the signer does not answer" in answer.text) == (503, True)
    door.site.missing = "GITEX_CHAIN_RPC_URL is not set"
    assert _error(await _voucher(client, asset_id)) == (503, "unavailable", "GITEX_CHAIN_RPC_URL")
