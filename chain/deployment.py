"""Puts the contracts on a chain: four transactions, each once, whatever happens in between."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from chain.addresses import UPGRADEABLE, Addresses, addresses_file, load_addresses, save_addresses
from chain.contract import Contract, creation_code
from chain.contract_code import ContractCode
from chain.creations import Creations
from chain.deployment_plan import SYSTEM, Plan
from chain.operator_key import OperatorKey
from chain.verification import write_verification
from gitex.errors import SettingsError, Unavailable

GAS = {"GTX": 5_500_000, "GitexNFT": 5_000_000, "FeeVault": 3_000_000, SYSTEM: 8_000_000}
"""About what each takes, with a tenth on top: the last one cannot be estimated before the others are there."""


@dataclass(frozen=True)
class Deployment:
    """The contracts of one chain, and where it is written down what they are."""

    key: OperatorKey
    code: ContractCode
    folder: Path
    """`GITEX_CHAIN_ADDRESSES`."""

    @property
    def begun_file(self) -> Path:
        """What was created so far."""
        return self.folder / str(self.key.chain.chain_id) / "deploying.json"

    async def standing(self) -> Addresses | None:
        """What is deployed: written down and on the chain; None if it is not written down, or not there.

        Raises `SettingsError` if the file cannot be used, and `Unavailable` if the chain has a part of it only.
        """
        chain_id = self.key.chain.chain_id
        await self.key.node.check()
        if not addresses_file(self.folder, chain_id).exists():
            return None
        found = load_addresses(self.folder, chain_id)
        parts = (found.timelock, found.governor, found.gtx, found.vault, found.nft)
        codes = await asyncio.gather(*(self.code.code(part) for part in parts))
        missing = [part for part, code in zip(parts, codes, strict=True) if not code]
        if missing and len(missing) < len(parts):
            raise Unavailable(f"the node does not have all contracts that are written down: {', '.join(missing)}")
        return None if missing else found

    async def deploy(self, minter: str, *, anew: bool = False) -> Addresses:
        """Have everything on the chain; what is there already is not deployed again.

        `anew`: also if contracts are written down that the chain does not have, as after a reset. Without it that is a
        `SettingsError`: a node that lags would look the same. Raises as `Creations.create`, `Reverted`, and
        `InsufficientFunds`.
        """
        if (found := await self.standing()) is not None:
            return found
        file = addresses_file(self.folder, self.key.chain.chain_id)
        if file.exists() and not anew:
            text = (
                f"GITEX_CHAIN_ADDRESSES: {file} names contracts that are not on {self.key.chain.name}; "
                "if they are gone for good, deploy with --anew"
            )
            raise SettingsError(text, param="GITEX_CHAIN_ADDRESSES")
        plan = Plan(self.key.chain.deployment, self.key.address, minter)
        creations = Creations(self.key, self.begun_file)
        implementations = {name: (await creations.create(name, creation_code(name))).address for name in UPGRADEABLE}
        await creations.create(SYSTEM, plan.system_code(implementations))
        addresses = await self._read_back(creations, implementations, minter)
        write_verification(self.folder, addresses, plan)
        save_addresses(self.folder, addresses)
        creations.close()
        return addresses

    async def cost(self) -> int:
        """What a whole deployment costs at most now, in wei."""
        fees = await self.key.fees()
        return sum(GAS.values()) * fees.max_fee

    async def _read_back(self, creations: Creations, implementations: dict[str, str], minter: str) -> Addresses:
        system = Contract(SYSTEM, creations.all[SYSTEM].address)
        names = ("timelock", "governor", "gtx", "vault", "nft")
        parts = {name: await self.key.read(system, name) for name in names}
        return Addresses(
            chain_id=self.key.chain.chain_id,
            deployed_at_block=min(creation.block_number for creation in creations.all.values()),
            deployer=self.key.address,
            minter=minter,
            system_deployer=system.address,
            implementations=implementations,
            transactions={name: creation.mined_hash for name, creation in creations.all.items()},
            **parts,
        )
