"""Where our contracts are: a file for each chain id, written when they are deployed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chain.address import checksummed
from chain.durable_file import write_durably
from gitex.errors import InvalidInput, SettingsError


def _address(text: str) -> str:
    try:
        return checksummed(text)
    except InvalidInput as problem:
        raise ValueError(problem.message) from problem


UPGRADEABLE = ("GTX", "GitexNFT", "FeeVault")
"""The contracts that stand behind a proxy."""
Address = Annotated[str, AfterValidator(_address)]


class Addresses(BaseModel):
    """Everything that was deployed on one chain. Addresses are checksummed, hashes 0x…."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chain_id: int = Field(gt=0)
    deployed_at_block: int = Field(ge=0)
    """No event of ours is older."""
    deployer: Address
    """The key that paid for it, and that got the first supply of GTX. It has no power over the contracts."""
    minter: Address
    """The first key that may mint."""
    timelock: Address
    governor: Address
    gtx: Address
    vault: Address
    nft: Address
    system_deployer: Address
    """The `GitexDeployer` that put up all but the implementations."""
    implementations: Mapping[str, Address]
    """By contract: what stood behind the proxies when this was last written. The chain itself knows better."""
    transactions: Mapping[str, str]
    """By contract: the hash of what created it."""

    def proxy(self, contract: str) -> str:
        """Where a contract of `UPGRADEABLE` stands for good. Raises `KeyError` for any other."""
        return {"GTX": self.gtx, "GitexNFT": self.nft, "FeeVault": self.vault}[contract]


def addresses_file(folder: Path, chain_id: int) -> Path:
    """The file of one chain."""
    return folder / f"{chain_id}.json"


def load_addresses(folder: Path, chain_id: int) -> Addresses:
    """What was deployed on that chain. Raises `SettingsError` if nothing was, or the file cannot be used."""
    file = addresses_file(folder, chain_id)
    try:
        found = Addresses.model_validate_json(file.read_bytes())
    except FileNotFoundError as problem:
        text = f"GITEX_CHAIN_ADDRESSES: there is no {file}: deploy the contracts by `gitex chain deploy`"
        raise SettingsError(text, param="GITEX_CHAIN_ADDRESSES") from problem
    except (OSError, ValidationError) as problem:
        text = f"GITEX_CHAIN_ADDRESSES: {file} cannot be used: {problem}"
        raise SettingsError(text, param="GITEX_CHAIN_ADDRESSES") from problem
    if found.chain_id != chain_id:
        text = f"GITEX_CHAIN_ADDRESSES: {file} is of chain {found.chain_id}"
        raise SettingsError(text, param="GITEX_CHAIN_ADDRESSES")
    return found


def save_addresses(folder: Path, addresses: Addresses) -> None:
    """Write the chain's file; on the disk when this returns. Raises `SettingsError` if it cannot be written."""
    write_text(addresses_file(folder, addresses.chain_id), addresses.model_dump_json(indent=2))


def write_text(file: Path, text: str) -> None:
    """Write a file of that folder; on the disk when this returns. Raises `SettingsError` if it cannot be written."""
    try:
        write_durably(file, text.encode() + b"\n")
    except OSError as problem:
        reason = f"GITEX_CHAIN_ADDRESSES: {file} cannot be written: {problem}"
        raise SettingsError(reason, param="GITEX_CHAIN_ADDRESSES") from problem
