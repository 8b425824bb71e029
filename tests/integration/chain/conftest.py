"""Our contracts on a real chain, once for all tests that only add to it; others take an `Anvil` of their own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain.addresses import Addresses
from chain.contract_code import ContractCode
from chain.deployment import Deployment
from chain.dev_keys import dev_keys
from chain.operator_key import OperatorKey
from chain.signer import Signer
from chain.web3_node import Web3Node
from configs.chains import Chain, load_chain
from tests.integration.chain.anvil_process import QUICK_FINALITY, Anvil

KEYS = 10
"""Development accounts: the first deployed and may mint, and has all GTX; each has 10,000 ETH."""


@dataclass(frozen=True)
class Deployed:
    """One chain with our contracts. A transaction is mined at once, and final two blocks later (anvil_mine)."""

    anvil: Anvil
    chain: Chain
    addresses: Addresses
    signer: Signer
    """Of `KEYS` development keys."""
    folder: Path
    """Where the addresses are written down: `GITEX_CHAIN_ADDRESSES`."""

    @property
    def url(self) -> str:
        """Where the node answers."""
        return self.anvil.url


@asynccontextmanager
async def deployment_on(url: str, chain: Chain, folder: Path, signer: Signer) -> AsyncIterator[Deployment]:
    """What deploys with the signer's first key, for as long as the block lasts."""
    node, code = Web3Node(url, chain), ContractCode(url)
    try:
        yield Deployment(OperatorKey(node, signer, chain, signer.addresses[0], poll_s=0.02), code, folder)
    finally:
        await node.close()
        await code.close()


def deploy(anvil: Anvil, chain: Chain, folder: Path) -> Deployed:
    """Deploy the contracts with the first development key."""
    signer = dev_keys(chain, KEYS)

    async def addresses() -> Addresses:
        async with deployment_on(anvil.url, chain, folder, signer) as deployment:
            return await deployment.deploy(signer.addresses[0], anew=True)

    return Deployed(anvil, chain, asyncio.run(addresses()), signer, folder)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Do not reset or reorganise it: other tests go on with it."""
    folder = tmp_path_factory.mktemp("deployed")
    with Anvil(folder, *QUICK_FINALITY) as anvil:
        yield deploy(anvil, load_chain("local"), folder / "addresses")


@pytest.fixture
async def node(deployed: Deployed) -> AsyncIterator[Web3Node]:
    """That chain's node, for the loop of one test."""
    node = Web3Node(deployed.url, deployed.chain)
    yield node
    await node.close()
