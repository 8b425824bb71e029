"""Is what stands on the chain what we compiled, and does nobody but governance have power over it?"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eth_utils.crypto import keccak

from chain.address import ZERO_ADDRESS
from chain.addresses import UPGRADEABLE, Addresses, write_text
from chain.artifacts import load_artifact
from chain.bytecode import runs
from chain.contract import Contract
from chain.contract_code import ContractCode
from chain.deployment_plan import SYSTEM, Plan
from chain.node import Node
from chain.reading import read

ADMIN = bytes(32)
ROLES = {
    "admin": ADMIN,
    **{name: keccak(text=f"{name.upper()}_ROLE") for name in ("pauser", "minter", "proposer", "canceller", "executor")},
}


class Standing(NamedTuple):
    """One upgradeable contract."""

    name: str
    proxy: str
    implementation: str
    is_ours: bool
    """Whether both proxy and implementation are what this version of Gitex compiled."""
    admin: str
    paused: bool


async def standings(node: Node, code: ContractCode, addresses: Addresses) -> Sequence[Standing]:
    """What stands behind the proxies now. Raises `Unavailable`."""
    return await asyncio.gather(*(_standing(node, code, name, addresses.proxy(name)) for name in UPGRADEABLE))


async def _standing(node: Node, code: ContractCode, name: str, proxy: str) -> Standing:
    contract = Contract(name, proxy)
    implementation = await code.implementation(proxy)
    forwards, runtime = await code.code(proxy), await code.code(implementation)
    # The only immutable of an implementation is its own address (UUPS): a copy of it elsewhere would be dead.
    own = bytes.fromhex(implementation.removeprefix("0x")).rjust(32, b"\0")
    is_ours = runs(forwards, load_artifact("GitexProxy").bytecode) and runs(
        runtime, load_artifact(name).bytecode, immutables=own
    )
    admin, paused = await read(node, contract, "defaultAdmin"), await read(node, contract, "paused")
    return Standing(name, proxy, implementation, is_ours, str(admin), bool(paused))


async def powers(node: Node, addresses: Addresses, account: str) -> Sequence[str]:
    """The roles that an account has anywhere, as in `minter of GitexNFT`. Raises `Unavailable`."""
    places = [Contract(name, addresses.proxy(name)) for name in UPGRADEABLE]
    places.append(Contract("TimelockController", addresses.timelock))
    asked = [(place, name, role) for place in places for name, role in ROLES.items()]
    held = await asyncio.gather(*(read(node, place, "hasRole", role, account) for place, _, role in asked))
    return [f"{name} of {place.name}" for (place, name, _), has in zip(asked, held, strict=True) if has]


async def faults(node: Node, code: ContractCode, addresses: Addresses) -> Sequence[str]:
    """What is not as a deployment leaves it; empty if all is. Raises `Unavailable`."""
    found = []
    for standing in await standings(node, code, addresses):
        if not standing.is_ours:
            found.append(f"{standing.name} is not what this version of Gitex compiled")
        if standing.admin != addresses.timelock:
            found.append(f"the admin of {standing.name} is {standing.admin}, not the timelock")
        pending = await read(node, Contract(standing.name, standing.proxy), "pendingDefaultAdmin")
        if pending != ZERO_ADDRESS:
            found.append(f"{pending} may become the admin of {standing.name}")
    for name, address in (("TimelockController", addresses.timelock), ("GitexGovernor", addresses.governor)):
        if not runs(await code.code(address), load_artifact(name).bytecode):
            found.append(f"{name} is not what this version of Gitex compiled")
    for account in dict.fromkeys((addresses.deployer, addresses.system_deployer)):
        allowed = {"minter of GitexNFT"} if account == addresses.minter else set()
        held = await powers(node, addresses, account)
        found += [f"{account} is still {role}" for role in held if role not in allowed]
    wanted = {"proposer of TimelockController", "canceller of TimelockController"}
    found += [f"the governor is not {role}" for role in wanted - set(await powers(node, addresses, addresses.governor))]
    return found


def write_verification(folder: Path, addresses: Addresses, plan: Plan) -> None:
    """One JSON file a contract, for block explorers: address, constructor's arguments, compiler and its settings.

    The sources go with it: `node build.mjs --verification NAME` in `chain/contracts` prints the compiler's input.
    """
    arguments = plan.constructor_arguments(addresses)
    places = {name: (name, addresses.implementations[name]) for name in UPGRADEABLE}
    places |= {f"{name}Proxy": ("GitexProxy", addresses.proxy(name)) for name in UPGRADEABLE}
    places |= {
        SYSTEM: (SYSTEM, addresses.system_deployer),
        "TimelockController": ("TimelockController", addresses.timelock),
        "GitexGovernor": ("GitexGovernor", addresses.governor),
    }
    for file, (name, address) in places.items():
        write_metadata(folder, addresses.chain_id, file, name=name, address=address, arguments=arguments.get(file, b""))


def write_metadata(folder: Path, chain_id: int, file: str, *, name: str, address: str, arguments: bytes = b"") -> None:
    """The verification file of one contract, of artifact `name`. Raises `SettingsError` if it cannot be written."""
    artifact = load_artifact(name)
    content = {
        "contract": f"{artifact.source}:{name}",
        "address": address,
        "chainId": chain_id,
        "constructorArguments": f"0x{arguments.hex()}",
        "compilerInput": f"node build.mjs --verification {name}",
        "metadata": artifact.metadata,
    }
    write_text(folder / str(chain_id) / f"{file}.json", json.dumps(content, indent=2))
