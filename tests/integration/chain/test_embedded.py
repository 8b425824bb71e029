"""The chain that `gitex up` brings along."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from chain.addresses import Addresses, load_addresses
from chain.contract import Contract
from chain.dev_keys import dev_keys
from chain.embedded import GIVEN_GTX, GIVEN_TO, RPC_SETTING, embedded_chain
from chain.reading import read
from chain.site import rpc_url
from chain.web3_node import Web3Node
from configs.chains import load_chain
from configs.settings import Settings
from gitex.errors import SettingsError
from tests.fakes.ports import free_port
from tests.integration.chain.anvil_process import install

CHAIN = load_chain("local")
ACCOUNTS = dev_keys(CHAIN, 1 + GIVEN_TO + 1).addresses


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(RPC_SETTING, raising=False)
    install()
    return Settings(data_dir=tmp_path / "data", chain_port=free_port())


def deployed(settings: Settings) -> Addresses:
    return load_addresses(settings.chain_addresses, CHAIN.chain_id)


def gtx_of(settings: Settings, account: str) -> int:
    async def ask() -> int:
        node = Web3Node(f"http://127.0.0.1:{settings.chain_port}", CHAIN)
        try:
            return int(await read(node, Contract("GTX", deployed(settings).gtx), "balanceOf", account))
        finally:
            await node.close()

    return asyncio.run(ask())


def test_contracts_and_gtx_are_there_at_the_first_start_and_the_same_at_the_next(settings: Settings) -> None:
    url = f"http://127.0.0.1:{settings.chain_port}"
    with embedded_chain(settings) as line:
        assert os.environ[RPC_SETTING] == url
        first = deployed(settings)
        assert line == f"{url}, GitexNFT {first.nft}"
        assert [gtx_of(settings, account) for account in ACCOUNTS[1:]] == [GIVEN_GTX] * GIVEN_TO + [0]
    assert RPC_SETTING not in os.environ
    with embedded_chain(settings) as line:
        assert deployed(settings) == first
        assert [gtx_of(settings, account) for account in ACCOUNTS[1:]] == [GIVEN_GTX] * GIVEN_TO + [0]


def test_a_chain_that_lost_its_state_gets_its_contracts_anew(settings: Settings) -> None:
    with embedded_chain(settings):
        first = deployed(settings)
    for file in (settings.data_dir / "chain").glob("state*"):
        file.unlink()
    with embedded_chain(settings) as line:
        assert first.nft in line  # the same key and nonces
        assert gtx_of(settings, ACCOUNTS[1]) == GIVEN_GTX


def test_without_anvil_a_line_says_why_nothing_can_be_minted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain.embedded.anvil_program", lambda: None)
    with embedded_chain(settings) as line:
        assert line.startswith("none, so nothing can be minted: anvil is not installed")
        assert RPC_SETTING not in os.environ
    assert not settings.data_dir.exists()
    monkeypatch.setattr("chain.site.anvil_program", lambda: None)  # as /readyz of the service says it
    with pytest.raises(SettingsError, match="there is no embedded chain: anvil is not installed"):
        rpc_url(settings, CHAIN)


def test_an_anvil_that_does_not_run_here_stops_nothing_but_minting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = shutil.which("false")
    assert broken is not None
    monkeypatch.setattr("chain.embedded.anvil_program", lambda: Path(broken))
    with embedded_chain(settings) as line:
        assert line.startswith("nothing can be minted: the embedded chain does not start")
        assert RPC_SETTING not in os.environ


def test_a_chain_of_others_is_left_alone(settings: Settings) -> None:
    node = SecretStr("http://127.0.0.1:1/very-secret-key")
    for changed, said in (
        ({"chain": "sepolia"}, "Sepolia: nothing can be minted without GITEX_CHAIN_RPC_URL"),
        ({"chain": "sepolia", "chain_rpc_url": node}, "Sepolia: nothing can be minted before `gitex chain deploy`"),
        ({"chain_rpc_url": node}, "Gitex local: nothing can be minted before `gitex chain deploy`"),
    ):
        with embedded_chain(settings.model_copy(update=changed)) as line:
            assert line == said
    assert not settings.data_dir.exists()
