"""`gitex mint`, `gitex mints show` and `gitex voucher` against the real door over fakes."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from typer.testing import Result

from gitex.publishing import Publication
from tests.fakes.mints import ALICE, BOB, NFT, NOW, MemoryMints
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.test_vouchers import CID

Gitex = Callable[..., Result]


class FinalAtOnce(MemoryMints):
    """A minter that is done by the first look."""

    async def get(self, mint_id: str):
        done = {"state": "final", "transaction": "0xab", "block_number": 98, "finalized_at": NOW}
        self.rows[mint_id] = replace(self.rows[mint_id], **done)
        return await super().get(mint_id)


class NeverTaken(MemoryMints):
    """A minter whose every mint fails."""

    async def get(self, mint_id: str):
        self.rows[mint_id] = replace(self.rows[mint_id], state="failed", reason="the recipient refuses it")
        return await super().get(mint_id)


@pytest.fixture
def asset_id(url: str) -> str:
    made = httpx.post(f"{url}/v1/images/generations", json={"prompt": "a star", "response_format": "url"})
    asset_id: str = made.json()["data"][0]["gitex"]["asset_id"]
    return asset_id


class TestWithAQuickMinter:
    @pytest.fixture
    def door(self, tmp_path) -> Door:
        return Door(tmp_path / "data", mints=FinalAtOnce())

    def test_a_mint_is_waited_for_and_told(self, gitex: Gitex, asset_id: str) -> None:
        done = gitex("mint", asset_id, "--to", ALICE, "--creator", BOB, "--royalty", "250")
        assert done.exit_code == 0, done.output
        first, *lines = done.output.splitlines()
        told = dict(line.split(maxsplit=1) for line in lines)
        assert first == "mnt_1 final"
        assert (told["recipient"], told["contract"]) == (ALICE, f"{NFT} on chain 31337")
        assert (told["transaction"], told["block"]) == ("0xab", "98, 3 deep")

    def test_it_is_shown_again_as_json(self, gitex: Gitex, asset_id: str) -> None:
        gitex("mint", asset_id, "--to", ALICE, "--wait", "0")
        body = json.loads(gitex("mints", "show", "mnt_1", "--json").output)
        assert (body["object"], body["asset_id"], body["state"]) == ("mint", asset_id, "final")


class TestWithAMinterThatFails:
    @pytest.fixture
    def door(self, tmp_path) -> Door:
        return Door(tmp_path / "data", mints=NeverTaken())

    def test_a_failure_ends_with_1_and_says_why(self, gitex: Gitex, asset_id: str) -> None:
        failed = gitex("mint", asset_id, "--to", ALICE)
        assert failed.exit_code == 1
        assert f"error: {asset_id} was not minted: the recipient refuses it" in failed.output


def test_without_a_wait_it_tells_that_it_is_ordered(gitex: Gitex, door: Door, asset_id: str) -> None:
    key = ("--idempotency-key", "order 17")
    done = gitex("mint", asset_id, "--to", ALICE, "--wait", "0", *key)
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "mnt_1 reserved")
    assert list(door.mints.keys) == ["order 17"]
    order = door.mints.rows["mnt_1"].order
    assert (order.creator, order.royalty_bps) == (ALICE, 0)


def test_what_the_caller_can_mend_ends_with_2(gitex: Gitex, asset_id: str) -> None:
    wrong = gitex("mint", asset_id, "--to", "0x12")
    assert (wrong.exit_code, "recipient" in wrong.output) == (2, True)
    gitex("mint", asset_id, "--to", ALICE, "--wait", "0")
    taken = gitex("mint", asset_id, "--to", BOB, "--wait", "0")
    assert (taken.exit_code, "another recipient" in taken.output) == (2, True)
    absent = gitex("mints", "show", "mnt_0")
    assert (absent.exit_code, "mnt_0" in absent.output) == (2, True)


def test_a_chain_that_is_not_set_up_ends_with_1_and_names_the_setting(gitex: Gitex, door: Door, asset_id: str) -> None:
    door.site.missing = "GITEX_CHAIN_RPC_URL is not set"
    done = gitex("mint", asset_id, "--to", ALICE)
    assert (done.exit_code, "GITEX_CHAIN_RPC_URL" in done.output) == (1, True)


def test_a_voucher_tells_the_transaction_to_send(gitex: Gitex, door: Door, asset_id: str) -> None:
    door.publications.rows[asset_id] = Publication(asset_id, "bafk", CID, "published", 0, "", NOW)
    done = gitex("voucher", asset_id, "--creator", ALICE, "--price", "5", "--royalty", "250", "--valid-for", "60")
    assert done.exit_code == 0, done.output
    first, *lines = done.output.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines)
    assert first == f"{asset_id}: to be sent by {ALICE}"
    assert (told["to"], told["value"], told["chain"]) == (NFT, "5 wei", "31337")
    body = json.loads(gitex("voucher", asset_id, "--creator", ALICE, "--to", BOB, "--json").output)
    assert body["typed_data"]["message"]["request"]["to"] == BOB
    assert told["data"][:10] == body["calldata"][:10]
