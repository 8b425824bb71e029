"""The chain that the settings name is looked up when it is needed, and what is missing is said by its setting."""

from pathlib import Path
from typing import Any

import pytest

from chain.addresses import Addresses, save_addresses
from chain.dev_keys import dev_keys
from chain.site import ChainSite, rpc_url
from configs.chains import load_chain
from configs.settings import Settings
from gitex.errors import SettingsError, Unavailable
from tests.fakes.rpc_server import RpcServer, hangs, result

SOMEBODY = dev_keys(load_chain("local")).addresses[0]
BLOCK = {"number": "0x7", "hash": "0x" + "ab" * 32, "timestamp": "0x1", "baseFeePerGas": "0x7"}


def _settings(folder: Path, **more: Any) -> Settings:
    return Settings(data_dir=folder, **more)


def _deploy(settings: Settings) -> Addresses:
    parts = ("deployer", "minter", "timelock", "governor", "gtx", "vault", "nft", "system_deployer")
    addresses: dict[str, Any] = {**dict.fromkeys(parts, SOMEBODY), "implementations": {}}
    deployed = Addresses(chain_id=31337, deployed_at_block=3, transactions={}, **addresses)
    save_addresses(settings.chain_addresses, deployed)
    return deployed


def test_a_chain_that_is_not_known_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GITEX_CHAIN"):
        ChainSite(_settings(tmp_path, chain="atlantis"))


def test_contracts_are_found_as_soon_as_they_are_deployed(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    site = ChainSite(settings)
    for ask in (site.contracts, site.tokens):
        with pytest.raises(Unavailable, match="gitex chain deploy") as problem:
            ask()
        assert problem.value.param == "GITEX_CHAIN_ADDRESSES"
    deployed = _deploy(settings)
    assert site.contracts() == deployed
    assert site.tokens() is site.tokens()


def test_only_the_local_chain_has_an_embedded_node(tmp_path: Path) -> None:
    assert rpc_url(_settings(tmp_path, chain_port=8600), load_chain("local")) == "http://127.0.0.1:8600"
    given = _settings(tmp_path, chain_rpc_url="http://10.0.0.7:9000/key")
    assert rpc_url(given, load_chain("local")) == "http://10.0.0.7:9000/key"
    with pytest.raises(Unavailable, match="GITEX_CHAIN_RPC_URL") as problem:
        ChainSite(_settings(tmp_path, chain="sepolia")).node()
    assert problem.value.param == "GITEX_CHAIN_RPC_URL"


async def test_the_height_is_the_newest_blocks(tmp_path: Path, server: RpcServer) -> None:
    server.says["eth_getBlockByNumber"] = result(BLOCK)
    site = ChainSite(_settings(tmp_path, chain_rpc_url=server.url))
    try:
        assert await site.height() == 7
        assert site.node() is site.node()
    finally:
        await site.close()


async def test_a_node_that_hangs_is_not_waited_for(tmp_path: Path, server: RpcServer) -> None:
    server.says["eth_getBlockByNumber"] = hangs
    site = ChainSite(_settings(tmp_path, chain_rpc_url=server.url), height_s=0.05)
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            await site.height()
    finally:
        await site.close()
