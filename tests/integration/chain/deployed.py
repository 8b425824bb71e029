"""Our contracts on a chain of a test's own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def deployed_anew(folder: Path, chain: Chain | None = None) -> Iterator[Deployed]:
    """Our contracts on a new chain, by default the local one, final two blocks behind its head."""
    with Anvil(folder, *QUICK_FINALITY) as anvil:
        yield deploy(anvil, chain or load_chain("local"), folder / "addresses")
