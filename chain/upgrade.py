"""Changes the contracts by governance: another implementation behind a proxy, another key that may mint."""

from collections.abc import Sequence
from typing import NamedTuple

from chain.addresses import UPGRADEABLE, Addresses, save_addresses
from chain.artifacts import load_artifact
from chain.bytecode import runs
from chain.contract import Contract
from chain.creations import Creations
from chain.deployment import GAS, Deployment
from chain.governance import PATIENCE_SECONDS, VOTE_GAS, Governance, Waiting, action
from chain.verification import ROLES, standings, write_metadata
from gitex.errors import EngineFailure, SettingsError


class Upgraded(NamedTuple):
    """What stands behind a proxy now."""

    contract: str
    implementation: str
    was_already: bool
    """Nothing had to be done."""


async def upgrade(
    deployment: Deployment,
    contract: str,
    *,
    call: bytes = b"",
    code: bytes | None = None,
    patience_s: float = PATIENCE_SECONDS,
) -> Upgraded | Waiting:
    """Have this version's code behind a proxy: deploy it, propose, vote, queue, execute; each once, over several calls.

    `call`: made to the proxy in the same transaction, as in the new version's initializer. `code`: creation bytecode,
    unset for the artifact's. Raises `SettingsError` for another contract than `UPGRADEABLE`, and without a deployment;
    and as `Creations.create` and `Governance.carry_out`.
    """
    addresses = await _deployed(deployment)
    if contract not in UPGRADEABLE:
        raise SettingsError(f"{contract} cannot be upgraded; one of {', '.join(UPGRADEABLE)} can", param="contract")
    wanted = load_artifact(contract).bytecode if code is None else code
    proxy = Contract(contract, addresses.proxy(contract))
    present = await deployment.code.implementation(proxy.address)
    if not call and runs(await deployment.code.code(present), wanted):
        return Upgraded(contract, present, was_already=True)
    creations = Creations(deployment.key, deployment.begun_file.with_name(f"upgrading-{contract}.json"))
    created = await creations.create(contract, wanted)
    change = action(proxy, "upgradeToAndCall", created.address, call)
    governance = Governance(deployment.key, addresses, patience_s)
    waiting = await governance.carry_out([change], f"Upgrade {contract} to {created.address}")
    if waiting is not None:
        return waiting
    if await deployment.code.implementation(proxy.address) != created.address:
        raise EngineFailure(f"the vote was carried out, but another code than {created.address} is behind {contract}")
    write_metadata(
        deployment.folder, addresses.chain_id, contract, name=contract, address=created.address, arguments=b""
    )
    save_addresses(
        deployment.folder,
        addresses.model_copy(
            update={
                "implementations": {**addresses.implementations, contract: created.address},
                "transactions": {**addresses.transactions, contract: created.mined_hash},
            }
        ),
    )
    creations.close()
    return Upgraded(contract, created.address, was_already=False)


async def grant_minters(
    deployment: Deployment, accounts: Sequence[str], *, patience_s: float = PATIENCE_SECONDS
) -> Sequence[str] | Waiting:
    """Let these keys mint, by one vote; those that had to be let. Raises as `upgrade` does."""
    addresses = await _deployed(deployment)
    nft, role = Contract("GitexNFT", addresses.nft), ROLES["minter"]
    new = [account for account in accounts if not await deployment.key.read(nft, "hasRole", role, account)]
    if not new:
        return ()
    grants = [action(nft, "grantRole", role, account) for account in new]
    waiting = await Governance(deployment.key, addresses, patience_s).carry_out(grants, f"Let {', '.join(new)} mint")
    return new if waiting is None else waiting


async def upgrade_cost(deployment: Deployment, contract: str | None) -> int:
    """What a vote costs at most now, in wei, with the deployment of that contract's code if one is named."""
    fees = await deployment.key.fees()
    return (VOTE_GAS + (0 if contract is None else GAS[contract])) * fees.max_fee


async def _deployed(deployment: Deployment) -> Addresses:
    found = await deployment.standing()
    if found is None:
        text = f"nothing is deployed on {deployment.key.chain.name}: `gitex chain deploy` does that"
        raise SettingsError(text, param="GITEX_CHAIN_ADDRESSES")
    return found


async def outdated(deployment: Deployment) -> Sequence[str]:
    """The contracts whose code is not this version's. Raises as `upgrade` does."""
    addresses = await _deployed(deployment)
    found = await standings(deployment.key.node, deployment.code, addresses)
    return [standing.name for standing in found if not standing.is_ours]
