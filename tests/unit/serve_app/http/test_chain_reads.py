"""`GET /v1/tokens/{id}`, `/v1/staking/{wallet}` and `/v1/credits/{account}`."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gitex.credits import Deposit
from gitex.errors import Unavailable
from tests.fakes.staking import STATE, WALLET
from tests.fakes.tokens import CREATOR, OWNER, minted, with_prompt
from tests.fakes.vault_chain import COIN, PAYER, VAULT, account
from tests.unit.serve_app.http.reading_door import ReadingDoor

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def door() -> ReadingDoor:
    return ReadingDoor()


@pytest.fixture
async def client(door: ReadingDoor) -> AsyncIterator[httpx.AsyncClient]:
    async with door.client() as client:
        yield client


async def test_a_token_is_told_with_what_was_compared(door: ReadingDoor, client: httpx.AsyncClient) -> None:
    token = minted(door.content)
    door.registry.tokens[token.id] = token
    answer = await client.get(f"/v1/tokens/{token.id}")
    body = answer.json()
    assert answer.status_code == 200
    assert body["matches"] is True
    assert [(check["name"], check["verdict"]) for check in body["checks"]] == [
        ("metadata", "ok"),
        ("asset", "ok"),
        ("prompt_history", "ok"),
        ("model", "ok"),
        ("creator", "ok"),
    ]
    # 256 bits are text.
    assert (body["token_id"], body["token_id_hex"]) == (str(token.id), f"0x{token.id:064x}")
    assert (body["owner"], body["provenance"]["creator"], body["royalty"]["bps"]) == (OWNER, CREATOR, 500)
    assert body["provenance"]["asset_sha256"] == f"{token.id:064x}"
    assert body["mint"]["prompt_history"] == ["a star", 'a "réd" star']
    assert body["mint"]["transaction_url"].endswith(body["mint"]["transaction_hash"])
    assert (body["final"], body["chain_id"], body["read_at_block"]) == (True, 11155111, 20)
    same = await client.get(f"/v1/tokens/0x{token.id:064X}")
    assert same.json() == body


async def test_a_token_whose_asset_was_withdrawn_is_still_told(door: ReadingDoor, client: httpx.AsyncClient) -> None:
    token = minted(door.content)
    door.registry.tokens[token.id] = token
    door.content.deleted.update(door.content.blocks)
    answer = await client.get(f"/v1/tokens/{token.id}")
    assert (answer.status_code, answer.json()["matches"]) == (200, False)
    assert {check["verdict"] for check in answer.json()["checks"]} == {"unreadable"}
    assert all(check["reason"] for check in answer.json()["checks"])


@pytest.mark.parametrize("prompt", [b"\xff", b"7", b"[7]", b'["\\ud800"]', b"[" * 16_000])
async def test_a_prompt_that_is_no_list_of_texts_is_left_out(
    door: ReadingDoor, client: httpx.AsyncClient, prompt: bytes
) -> None:
    token = with_prompt(minted(door.content), prompt)
    door.registry.tokens[token.id] = token
    answer = await client.get(f"/v1/tokens/{token.id}")
    assert answer.status_code == 200
    assert "prompt_history" not in answer.json()["mint"]


async def test_events_that_are_not_to_be_had_leave_mint_out(door: ReadingDoor, client: httpx.AsyncClient) -> None:
    token = replace(minted(door.content), mint=None, mint_problem="pruned")
    door.registry.tokens[token.id] = token
    body = (await client.get(f"/v1/tokens/{token.id}")).json()
    assert "mint" not in body
    assert {"name": "prompt_history", "verdict": "unreadable", "reason": "pruned"} in body["checks"]


async def test_no_token_is_404_no_number_is_400_and_no_node_is_503(
    door: ReadingDoor, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/v1/tokens/7")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    for text in ("seven", "-1", "0x", str(2**256), "0x" + "1" * 65, "1" * 79):
        answer = await client.get(f"/v1/tokens/{text}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "token_id")
    door.registry.error = Unavailable("the node does not answer")
    answer = await client.get("/v1/tokens/7")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "the node does not answer")


async def test_a_wallets_stake_is_told_in_units_and_in_gtx(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/staking/{WALLET.lower()}")
    body = answer.json()
    assert answer.status_code == 200
    assert body["staked"] == {"units": "12000000000000000000005", "gtx": "12000.000000000000000005"}
    assert (body["rewards"]["gtx"], body["active"]["gtx"], body["cooling"]["gtx"]) == ("0.25", "10000", "500")
    assert (body["wallet"], body["chain_id"], body["tier"], body["tier_name"]) == (WALLET, 11155111, 2, "silver")
    assert (body["discount_bps"], body["features"]) == (1000, ["priority", "large-pictures"])
    assert body["releases_at"] == "2026-11-25T00:00:00Z"
    assert (body["cooldown_seconds"], body["activation_delay_seconds"], body["block_number"]) == (60, 120, 99)
    assert body["tiers"][0]["min_stake"]["gtx"] == "1000"


async def test_a_wallet_without_a_tier_has_none(door: ReadingDoor, client: httpx.AsyncClient) -> None:
    door.stakes.states[WALLET] = replace(STATE, tier=0, staked=0, cooling=0, releases_at=None, discount_bps=0)
    body = (await client.get(f"/v1/staking/{WALLET}")).json()
    assert (body["tier"], body["features"], body["staked"]) == (0, [], {"units": "0", "gtx": "0"})
    assert "tier_name" not in body
    assert "releases_at" not in body


async def test_a_mistyped_wallet_is_400_and_a_chain_that_is_not_final_503(
    door: ReadingDoor, client: httpx.AsyncClient
) -> None:
    for wallet in ("0x12", "vitalik.eth", CREATOR):  # the last one's fake says what a wrong checksum gets
        answer = await client.get(f"/v1/staking/{wallet}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "wallet")
    door.stakes.error = Unavailable("GTX is not final yet")
    answer = await client.get(f"/v1/staking/{WALLET}")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "GTX is not final yet")


async def test_an_accounts_credits_are_told_the_newest_first(door: ReadingDoor, client: httpx.AsyncClient) -> None:
    deposits = [
        Deposit(11155111, VAULT, number, account(0xAB), PAYER, COIN, 1, 2**70 + number, 0, number, f"0x{number:064x}")
        for number in (1, 2, 3)
    ]
    await door.ledger.book(11155111, VAULT, deposits, through_block=3)
    answer = await client.get(f"/v1/credits/{account(0xAB).upper().replace('0X', '0x')}", params={"limit": 2})
    body = answer.json()
    assert (answer.status_code, body["account"], body["balance"]) == (200, account(0xAB), str(3 * 2**70 + 6))
    assert [entry["credits"] for entry in body["entries"]] == [str(2**70 + 3), str(2**70 + 2)]
    assert body["entries"][0]["booking"] == f"deposit:11155111:{VAULT}:3"
    assert body["entries"][0]["transaction_hash"] == f"0x{3:064x}"


async def test_an_account_that_nobody_paid_for_has_nothing_and_what_is_none_is_400(
    door: ReadingDoor, client: httpx.AsyncClient
) -> None:
    answer = await client.get(f"/v1/credits/{account(1)}")
    assert (answer.status_code, answer.json()["balance"], answer.json()["entries"]) == (200, "0", [])
    for text in (WALLET, "vault:1:0x12", "0x" + "g" * 64):
        answer = await client.get(f"/v1/credits/{text}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "account")
    for limit in (0, 101):
        answer = await client.get(f"/v1/credits/{account(1)}", params={"limit": limit})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")
    door.ledger.error = Unavailable("the database does not answer")
    assert (await client.get(f"/v1/credits/{account(1)}")).status_code == 503


_fuzzed = ReadingDoor()
_token = minted(_fuzzed.content)
_fuzzed.registry.tokens[1] = replace(_token, id=1)
schema = schemathesis.openapi.from_asgi("/openapi.json", _fuzzed.app())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_document_tells_the_truth(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)


def test_the_documents_example_is_a_token_that_the_fuzz_knows() -> None:
    document = json.loads(json.dumps(_fuzzed.app().openapi()))
    (parameter,) = document["paths"]["/v1/tokens/{token_id}"]["get"]["parameters"]
    assert int(parameter["examples"][0] if "examples" in parameter else parameter["schema"]["examples"][0], 16) == 1
