"""What wallets do on a test's chain, and what a test does to the chain itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from chain.contract import Contract
from chain.node import Call
from chain.signer import UnsignedTransaction
from chain.web3_node import Web3Node
from gitex.minting import Inclusion, MintJob, MintOrder
from tests.integration.chain.deployed import Deployed

GWEI = 10**9
SOON_S = 30


@dataclass(frozen=True)
class Street:
    """A deployed chain, with a node's adapter for the loop of one test."""

    deployed: Deployed
    node: Web3Node

    @property
    def nft(self) -> Contract:
        return Contract("GitexNFT", self.deployed.addresses.nft)

    @property
    def gtx(self) -> Contract:
        return Contract("GTX", self.deployed.addresses.gtx)

    @property
    def vault(self) -> Contract:
        return Contract("FeeVault", self.deployed.addresses.vault)

    def wallet(self, number: int) -> "Wallet":
        """One of the development accounts; the first may mint and has all GTX."""
        return Wallet(self, self.deployed.signer.addresses[number])

    async def rpc(self, method: str, *params: Any) -> Any:
        """Ask anvil itself."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        async with httpx.AsyncClient(trust_env=False, timeout=SOON_S) as client:
            answer = (await client.post(self.deployed.url, json=body)).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def finish(self) -> None:
        """Make all that there is final."""
        await self.rpc("anvil_mine", "0x2")

    async def pass_time(self, seconds: int) -> None:
        """Let so many seconds pass on the chain's clock, and make its newest block final."""
        await self.rpc("evm_increaseTime", seconds)
        await self.rpc("anvil_mine", "0x3")

    def order(self, picture: bytes, creator: int, *, recipient: int | None = None, royalty_bps: int = 0) -> MintOrder:
        """Of a picture's token for development accounts."""
        addresses = self.deployed.signer.addresses
        return MintOrder(
            asset_id="ast_1",
            asset_sha256=hashlib.sha256(picture).hexdigest(),
            recipient=addresses[creator if recipient is None else recipient],
            creator=addresses[creator],
            royalty_bps=royalty_bps,
            chain_id=self.deployed.chain.chain_id,
            contract=self.deployed.addresses.nft,
        )


@asynccontextmanager
async def street(deployed: Deployed) -> AsyncIterator[Street]:
    """For as long as the block lasts."""
    node = Web3Node(deployed.url, deployed.chain)
    try:
        yield Street(deployed, node)
    finally:
        await node.close()


@dataclass(frozen=True)
class Wallet:
    """Sends one transaction after the other."""

    street: Street
    address: str

    async def call(self, contract: Contract, function: str, *args: object, value: int = 0) -> Inclusion:
        """Call a function and wait until it is in a block. Raises `Reverted` before anything is sent."""
        return await self.send(contract.address, contract.encode(function, *args), value)

    async def send(self, to: str, data: bytes, value: int = 0) -> Inclusion:
        """As `call`, with the call's bytes."""
        node, deployed = self.street.node, self.street.deployed
        gas = await node.estimate(Call(to, data, self.address, value))
        unsigned = UnsignedTransaction(
            chain_id=deployed.chain.chain_id,
            nonce=await node.nonce(self.address),
            to=to,
            data=data,
            gas=gas + gas // 4,
            max_fee=100 * GWEI,
            priority_fee=GWEI,
            value=value,
        )
        signed = await deployed.signer.sign_transaction(self.address, unsigned)
        await node.send(signed.raw)
        found = await self._included(signed.hash)
        assert found.succeeded
        return found

    async def _included(self, transaction_hash: str) -> Inclusion:
        """Anvil mines at once, but not before it has answered."""
        for _ in range(SOON_S * 100):
            if (found := await self.street.node.inclusion(transaction_hash)) is not None:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{transaction_hash} is in no block")


def mint_job(order: MintOrder, *, prompt: bytes = b'["a red star"]', metadata_digest: bytes = b"m" * 32) -> MintJob:
    """That order, with provenance."""
    return MintJob(
        mint_id="",
        order=order,
        metadata_codec=0x55,
        metadata_digest=metadata_digest,
        model_digest=bytes.fromhex("a" * 64),
        prompt=prompt,
        alone=False,
    )
