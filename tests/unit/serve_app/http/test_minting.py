"""`POST /v1/assets/{id}/mint` and `GET /v1/mints/{id}`."""

from dataclasses import replace

import httpx
import pytest

from gitex.minting import MintState
from gitex.publishing import Publication
from tests.fakes.mints import ALICE, BOB, NFT, NOW, MemoryMints
from tests.unit.serve_app.http.conftest import Door


async def _asset_id(client: httpx.AsyncClient, **more: object) -> str:
    body = {"prompt": "a red star", "response_format": "url", **more}
    made = await client.post("/v1/images/generations", json=body)
    asset_id: str = made.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


async def _mint(client: httpx.AsyncClient, asset_id: str, key: str = "", **body: object) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return await client.post(f"/v1/assets/{asset_id}/mint", json={"recipient": ALICE, **body}, headers=headers)


def _error(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def _move(mints: MemoryMints, state: MintState, **fields: object) -> None:
    """The minter has done something with the only mint."""
    [(mint_id, mint)] = mints.rows.items()
    mints.rows[mint_id] = replace(mint, state=state, **fields)


async def test_a_mint_is_ordered_and_publishing_asked_for_first(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    answer = await _mint(client, asset_id, royalty_bps=250)
    body = answer.json()
    assert (answer.status_code, body["object"], body["state"]) == (202, "mint", "reserved")
    assert answer.headers["location"] == f"/v1/mints/{body['id']}"
    assert list(door.publications.rows) == [asset_id]
    assert body["token_id"] == str(int(door.assets.assets[asset_id].sha256, 16))
    told = {name: body[name] for name in ("recipient", "creator", "royalty_bps", "chain_id", "contract")}
    assert told == {"recipient": ALICE, "creator": ALICE, "royalty_bps": 250, "chain_id": 31337, "contract": NFT}
    assert door.mints.woken == 1
    assert (await client.get(answer.headers["location"])).json() == body


async def test_the_same_order_is_the_same_mint_and_another_recipient_a_conflict(client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    first = (await _mint(client, asset_id)).json()
    assert (await _mint(client, asset_id, recipient=ALICE.lower())).json()["id"] == first["id"]
    assert _error(await _mint(client, asset_id, recipient=BOB)) == (409, "conflict", "recipient")


async def test_an_idempotency_key_never_orders_two_mints(client: httpx.AsyncClient) -> None:
    one, other = await _asset_id(client, seed=1), await _asset_id(client, seed=2)
    first = await _mint(client, one, key="order 17")
    assert (await _mint(client, one, key="order 17")).json()["id"] == first.json()["id"]
    assert _error(await _mint(client, other, key="order 17")) == (409, "conflict", "Idempotency-Key")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tin it", "\xe9t\xe9"])
async def test_an_idempotency_key_is_short_and_printable(client: httpx.AsyncClient, key: str) -> None:
    headers = {"idempotency-key": key.encode("latin-1")}
    answer = await client.post("/v1/assets/ast_0/mint", json={"recipient": ALICE}, headers=headers)
    assert _error(answer) == (400, "invalid_value", "Idempotency-Key")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"recipient": "0x12"}, "recipient"),
        ({"recipient": ALICE.replace("C5", "c5")}, "recipient"),
        ({"recipient": "0x" + "0" * 40}, "recipient"),
        ({"creator": "0x" + "0" * 40}, "creator"),
        ({"royalty_bps": 1001}, "royalty_bps"),
        ({"royalty_bps": "10"}, "royalty_bps"),
        ({"price": 1}, "price"),
    ],
)
async def test_what_cannot_be_minted_is_refused_by_name(
    door: Door, client: httpx.AsyncClient, body: dict[str, object], param: str
) -> None:
    answer = await _mint(client, await _asset_id(client), **body)
    assert _error(answer) == (400, "invalid_value", param)
    assert not door.mints.rows


async def test_a_prompt_history_that_no_token_takes_is_refused_with_the_numbers(
    door: Door, client: httpx.AsyncClient
) -> None:
    asset_id = await _asset_id(client)
    asset = door.assets.assets[asset_id]
    door.assets.assets[asset_id] = replace(asset, prompt_history=("a" * (16 * 1024 - 3),))
    answer = await _mint(client, asset_id)
    assert _error(answer) == (400, "invalid_value", "asset_id")
    assert "16385 bytes" in answer.text
    assert "16384" in answer.text
    door.assets.assets[asset_id] = replace(asset, prompt_history=("a" * (16 * 1024 - 4),))
    assert (await _mint(client, asset_id)).status_code == 202


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:" + "0" * 64, "sha256:" + "g" * 64, "sha256:" + "0" * 62])
async def test_weights_without_a_digest_are_refused(door: Door, client: httpx.AsyncClient, digest: str) -> None:
    asset_id = await _asset_id(client)
    asset = door.assets.assets[asset_id]
    variant = replace(asset.spec.variant, weights_digest=digest)
    door.assets.assets[asset_id] = replace(asset, spec=replace(asset.spec, variant=variant))
    assert _error(await _mint(client, asset_id)) == (400, "invalid_value", "asset_id")


async def test_a_mint_tells_what_the_chain_says_of_it(door: Door, client: httpx.AsyncClient) -> None:
    door.site.chain = "sepolia"
    mint_id = (await _mint(client, await _asset_id(client))).json()["id"]
    _move(door.mints, "mined", transaction="0xab", block_number=98)
    body = (await client.get(f"/v1/mints/{mint_id}")).json()
    assert (body["state"], body["transaction_hash"], body["confirmations"]) == ("mined", "0xab", 3)
    assert body["transaction_url"] == "https://sepolia.etherscan.io/tx/0xab"
    assert body["token_url"] == f"https://sepolia.etherscan.io/token/{NFT}/{body['token_id']}"
    door.site.block = 97  # another node, which is behind
    assert (await client.get(f"/v1/mints/{mint_id}")).json()["confirmations"] == 0


async def test_a_node_that_does_not_answer_hides_only_the_confirmations(door: Door, client: httpx.AsyncClient) -> None:
    mint_id = (await _mint(client, await _asset_id(client))).json()["id"]
    _move(door.mints, "mined", transaction="0xab", block_number=98)
    door.site.problem = "it is down"
    body = (await client.get(f"/v1/mints/{mint_id}")).json()
    assert body["state"] == "mined"
    assert not {"confirmations", "transaction_url", "token_url"} & set(body)  # the local chain has no explorer


async def test_a_failed_mint_says_why_and_is_tried_again_when_it_is_asked_for(
    door: Door, client: httpx.AsyncClient
) -> None:
    asset_id = await _asset_id(client)
    mint_id = (await _mint(client, asset_id)).json()["id"]
    _move(door.mints, "failed", reason="the recipient refuses it")
    body = (await client.get(f"/v1/mints/{mint_id}")).json()
    assert (body["state"], body["reason"]) == ("failed", "the recipient refuses it")
    again = (await _mint(client, asset_id)).json()
    assert (again["id"], again["state"]) == (mint_id, "reserved")


async def test_others_do_not_see_mints_of_what_they_may_not_see(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client, user="ann")
    door.assets.assets[asset_id] = replace(door.assets.assets[asset_id], public=False)
    assert _error(await _mint(client, asset_id)) == (404, "asset_not_found", "asset_id")
    answer = await client.post(f"/v1/assets/{asset_id}/mint", params={"user": "ann"}, json={"recipient": ALICE})
    path = f"/v1/mints/{answer.json()['id']}"
    assert (await client.get(path, params={"user": "ann"})).status_code == 200
    hidden, absent = await client.get(path), await client.get("/v1/mints/mnt_0")
    assert _error(hidden) == _error(absent) == (404, "not_found", "id")


async def test_a_deleted_asset_is_not_minted_but_its_mint_stays(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    mint_id = (await _mint(client, asset_id)).json()["id"]
    await client.delete(f"/v1/assets/{asset_id}")
    assert _error(await _mint(client, asset_id)) == (410, "asset_deleted", "asset_id")
    assert (await client.get(f"/v1/mints/{mint_id}")).status_code == 200


async def test_without_a_chain_only_minting_is_unavailable(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    mint_id = (await _mint(client, asset_id)).json()["id"]
    door.site.missing = "GITEX_CHAIN_RPC_URL is not set"
    for answer in (await _mint(client, asset_id), await client.get(f"/v1/mints/{mint_id}")):
        assert _error(answer) == (503, "unavailable", "GITEX_CHAIN_RPC_URL")
    assert (await client.get(f"/v1/assets/{asset_id}")).status_code == 200


async def test_a_mint_from_before_another_chain_was_chosen_is_still_told(door: Door, client: httpx.AsyncClient) -> None:
    mint_id = (await _mint(client, await _asset_id(client))).json()["id"]
    _move(door.mints, "final", transaction="0xab", block_number=98, finalized_at=NOW)
    door.site.chain = "sepolia"
    body = (await client.get(f"/v1/mints/{mint_id}")).json()
    assert (body["state"], body["chain_id"]) == ("final", 31337)
    assert not {"confirmations", "transaction_url"} & set(body)


async def test_what_is_published_already_is_not_touched(door: Door, client: httpx.AsyncClient) -> None:
    asset_id = await _asset_id(client)
    there = door.publications.rows[asset_id] = Publication(asset_id, "bafk", "bafkdoc", "published", 0, "", NOW)
    assert (await _mint(client, asset_id)).status_code == 202
    assert door.publications.rows[asset_id] == there
