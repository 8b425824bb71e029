"""What the chain tells of a wallet, through the real cluster: deposits that become credits, and stakes."""

import asyncio
import secrets
import time

import httpx

from chain.addresses import load_addresses
from chain.contract import Contract
from configs.settings import load_settings
from tests.integration.development_wallet import HOLDER, send


def test_a_deposit_becomes_credits_once(client: httpx.Client) -> None:
    account = f"0x{secrets.token_hex(32)}"
    assert client.get(f"/v1/credits/{account}").json()["balance"] == "0"
    vault = Contract("FeeVault", load_addresses(load_settings().chain_addresses, 31337).vault)
    paid = asyncio.run(
        send(vault.address, vault.encode("depositNative", bytes.fromhex(account[2:])), 7 * 10**13)  # 1e13 wei a credit
    )
    assert paid.succeeded
    give_up = time.monotonic() + 60
    while (found := client.get(f"/v1/credits/{account}").json())["balance"] == "0":
        assert time.monotonic() < give_up, "the deposit was not booked"
        time.sleep(0.2)
    assert found["balance"] == "7"
    assert [(entry["credits"], entry["transaction_hash"]) for entry in found["entries"]] == [
        ("7", paid.transaction_hash)
    ]


def test_a_wallet_without_a_stake_has_no_tier(client: httpx.Client) -> None:
    answer = client.get(f"/v1/staking/{HOLDER}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["wallet"], body["staked"]["units"], body["discount_bps"]) == (HOLDER, "0", 0)
