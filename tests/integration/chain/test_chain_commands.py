"""`gitex chain` as an operator calls it, with two encrypted keys, on a real chain."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from eth_account import Account
from typer.testing import CliRunner

from chain.json_rpc import JsonRpc
from serve_app.cli import app
from tests.integration.chain.anvil_process import QUICK_FINALITY, Anvil

PASSWORD = "a password of this test"
Command = Callable[..., Result]


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with Anvil(tmp_path, *QUICK_FINALITY) as anvil:
        yield anvil


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """Two fresh keys: their addresses and files."""
    found = {}
    for number in range(2):
        account = Account.create()
        file = tmp_path / f"key-{number}.json"
        file.write_text(json.dumps(Account.encrypt(account.key, PASSWORD, iterations=2)))
        found[account.address] = file
    return found


@pytest.fixture
def chain(anvil: Anvil, keys: dict[str, Path], tmp_path: Path) -> Command:
    def run(*arguments: str, said: str = "") -> Result:
        environment = {
            "GITEX_DATA_DIR": str(tmp_path / "data"),
            "GITEX_CHAIN_RPC_URL": anvil.url,
            "GITEX_CHAIN_KEYSTORES": ",".join(map(str, keys.values())),
            "GITEX_CHAIN_KEYSTORE_PASSWORD": PASSWORD,
        }
        return CliRunner().invoke(app, ["chain", *arguments], env=environment, input=said)

    return run


def give(anvil: Anvil, address: str) -> None:
    async def ask() -> None:
        rpc = JsonRpc(anvil.url, what="anvil", timeout_s=10)
        await rpc.ask("anvil_setBalance", address, hex(10**18))
        await rpc.close()

    asyncio.run(ask())


def test_an_operator_deploys_looks_and_begins_a_vote(anvil: Anvil, keys: dict[str, Path], chain: Command) -> None:
    first, second = keys
    poor = chain("deploy", "--yes")
    assert poor.exit_code == 1
    assert "the key has 0.000000" in poor.output
    give(anvil, first)

    refused = chain("deploy", said="n\n")
    assert refused.exit_code == 1
    assert "Deploy the contracts to Gitex local (chain id 31337), for 0." in refused.output
    assert chain("status").exit_code == 2
    assert chain("deploy", "--yes").exit_code == 0
    assert "already deployed" in chain("deploy").output

    status = chain("status", "--json")
    assert status.exit_code == 0
    found = json.loads(status.stdout)
    assert found["faults"] == []
    assert [(key["address"], key["powers"]) for key in found["keys"]] == [(first, ["minter of GitexNFT"]), (second, [])]
    assert "already" in chain("upgrade", "GitexNFT").output

    vote = chain("minters", "--yes", "--wait", "5")
    assert vote.exit_code == 3, vote.output
    assert "call again then" in vote.output
    (proposal,) = json.loads(chain("status", "--json").stdout)["proposals"]
    assert proposal["description"] == f"Let {second} mint"
    assert proposal["state"] == "active"
    assert f"Let {second} mint" in chain("status").output


def test_a_minter_may_be_another_key_than_the_one_that_deploys(
    anvil: Anvil, keys: dict[str, Path], chain: Command
) -> None:
    first, second = keys
    give(anvil, first)
    assert chain("deploy", "--yes", "--minter", second).exit_code == 0
    found = json.loads(chain("status", "--json").stdout)
    assert [(key["address"], key["powers"]) for key in found["keys"]] == [(first, []), (second, ["minter of GitexNFT"])]
