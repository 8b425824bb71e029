"""`chain.deployment` on a real chain: once, whatever happens in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.contract_code import ContractCode
from chain.deployment import Deployment
from chain.dev_keys import dev_keys
from chain.json_rpc import JsonRpc
from chain.verification import faults
from chain.web3_node import Web3Node
from configs.chains import load_chain
from gitex.errors import SettingsError, Unavailable, WrongChain
from tests.integration.chain.anvil_process import Anvil
from tests.integration.chain.deployed import Deployed, deployment_on

CHAIN = load_chain("local")
STEPS = 4


async def test_what_is_deployed_is_what_we_compiled_and_nobody_has_power_over_it(
    deployed: Deployed, node: Web3Node
) -> None:
    code = ContractCode(deployed.url)
    assert await faults(node, code, deployed.addresses) == []
    await code.close()


async def test_deploying_again_deploys_nothing(deployed: Deployed, node: Web3Node) -> None:
    before = await node.nonce(deployed.addresses.deployer)
    async with deployment_on(deployed.url, deployed.chain, deployed.folder, deployed.signer) as deployment:
        assert await deployment.deploy(deployed.addresses.minter) == deployed.addresses
    assert await node.nonce(deployed.addresses.deployer) == before


def test_a_block_explorer_finds_all_that_it_asks_for_beside_the_addresses(deployed: Deployed) -> None:
    files = {file.stem: json.loads(file.read_text()) for file in (deployed.folder / "31337").glob("*.json")}
    assert set(files) == {
        *("GTX", "GitexNFT", "FeeVault", "GTXProxy", "GitexNFTProxy", "FeeVaultProxy"),
        *("GitexDeployer", "GitexGovernor", "TimelockController"),
    }
    assert files["GitexNFTProxy"]["address"] == deployed.addresses.nft
    assert files["GitexNFTProxy"]["contract"] == "src/GitexProxy.sol:GitexProxy"
    assert deployed.addresses.implementations["GitexNFT"][2:].lower() in files["GitexNFTProxy"]["constructorArguments"]
    assert files["GTX"]["metadata"]["compiler"]["version"].startswith("0.8.37")


class Cut(Exception):
    """What happens to a process that is killed."""


class CutNode(Web3Node):
    """The process ends at its `left`-th transaction: before the node has it, or right after."""

    def __init__(self, url: str, left: int, *, sends: bool) -> None:
        super().__init__(url, CHAIN)
        self.left = left
        self.sends = sends

    async def send(self, raw: bytes) -> None:
        self.left -= 1
        if self.left == 0 and not self.sends:
            raise Cut
        await super().send(raw)
        if self.left == 0:
            raise Cut


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with Anvil(tmp_path) as anvil:
        yield anvil


@pytest.fixture
async def deployment(anvil: Anvil, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployment_on(anvil.url, CHAIN, tmp_path / "addresses", dev_keys(CHAIN)) as deployment:
        yield deployment


@pytest.mark.parametrize("sends", [False, True])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
async def test_a_deployment_that_was_cut_off_goes_on_where_it_was(
    anvil: Anvil, deployment: Deployment, step: int, sends: bool
) -> None:
    key, minter = deployment.key, deployment.key.address
    node = CutNode(anvil.url, step, sends=sends)
    with pytest.raises(Cut):
        await replace(deployment, key=replace(key, node=node)).deploy(minter)
    await node.close()
    assert await deployment.standing() is None
    addresses = await deployment.deploy(minter)
    assert await key.node.nonce(minter) == STEPS
    assert await faults(key.node, deployment.code, addresses) == []
    assert not deployment.begun_file.exists()


async def test_a_nonce_that_went_to_another_transaction_is_none_of_ours(anvil: Anvil, deployment: Deployment) -> None:
    key, minter = deployment.key, deployment.key.address
    node = CutNode(anvil.url, 2, sends=False)
    with pytest.raises(Cut):
        await replace(deployment, key=replace(key, node=node)).deploy(minter)
    await node.close()
    await key.pass_time()
    addresses = await deployment.deploy(minter)
    assert await key.node.nonce(minter) == STEPS + 1
    assert await faults(key.node, deployment.code, addresses) == []


async def test_a_creation_whose_fees_have_become_too_low_is_replaced_and_not_made_twice(
    anvil: Anvil, deployment: Deployment
) -> None:
    key, rpc = deployment.key, JsonRpc(anvil.url, what="anvil", timeout_s=10)
    await rpc.ask("evm_setAutomine", False)
    with pytest.raises(Unavailable, match="in no block yet"):
        await replace(deployment, key=replace(key, wait_s=0.2)).deploy(key.address)
    first = json.loads(deployment.begun_file.read_text())["creations"]["GTX"]["attempts"][0]["hash"]
    fees = await key.fees()
    await rpc.ask("anvil_setNextBlockBaseFeePerGas", hex(20 * fees.max_fee))
    await rpc.ask("evm_mine")
    assert await key.node.nonce(key.address) == 0
    await rpc.ask("evm_setIntervalMining", 1)
    addresses = await deployment.deploy(key.address)
    assert addresses.transactions["GTX"] != first
    assert await key.node.nonce(key.address) == STEPS
    assert await faults(key.node, deployment.code, addresses) == []
    await rpc.close()


async def test_a_chain_that_forgot_gets_new_contracts_only_if_one_says_so(anvil: Anvil, deployment: Deployment) -> None:
    key = deployment.key
    before = await deployment.deploy(key.address)
    await asyncio.to_thread(anvil.restart)
    with pytest.raises(SettingsError, match="--anew"):
        await deployment.deploy(key.address)
    assert await key.node.nonce(key.address) == 0
    after = await deployment.deploy(key.address, anew=True)
    assert (after.nft, after.gtx) == (before.nft, before.gtx)  # the same key and nonces
    assert await faults(key.node, deployment.code, after) == []


async def test_nothing_is_sent_to_another_chain(anvil: Anvil, tmp_path: Path) -> None:
    sepolia = load_chain("sepolia")
    async with deployment_on(anvil.url, sepolia, tmp_path / "addresses", dev_keys(CHAIN)) as deployment:
        with pytest.raises(WrongChain):
            await deployment.deploy(deployment.key.address)
    assert not (tmp_path / "addresses").exists()


async def test_every_chain_of_ours_can_be_deployed(anvil: Anvil, tmp_path: Path) -> None:
    for name in ("sepolia", "amoy", "bnb-testnet"):
        terms = load_chain(name).deployment
        chain = CHAIN.model_copy(update={"deployment": terms})
        async with deployment_on(anvil.url, chain, tmp_path / name, dev_keys(CHAIN)) as deployment:
            addresses = await deployment.deploy(deployment.key.address)
            assert await faults(deployment.key.node, deployment.code, addresses) == []
