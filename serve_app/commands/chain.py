"""`gitex chain`: deploys and upgrades the contracts with the settings' first key, and shows how they stand."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import typer

from chain.address import checksummed
from chain.addresses import Addresses, load_addresses
from chain.chain_status import ChainStatus, chain_status
from chain.contract_code import ContractCode
from chain.deployment import Deployment
from chain.embedded import open_deployment
from chain.governance import Waiting
from chain.signers import open_signer
from chain.site import rpc_url
from chain.upgrade import Upgraded, outdated, upgrade_cost
from chain.upgrade import grant_minters as grant
from chain.upgrade import upgrade as upgrade_contract
from chain.verification import faults
from chain.web3_node import Web3Node
from configs.chains import Chain, load_chain
from configs.settings import Settings
from gitex.errors import EngineFailure, InsufficientFunds, InvalidInput, SettingsError
from serve_app.commands.tables import print_table

T = TypeVar("T")
_UNIT = 10**18


def deploy(settings: Settings, minter: str | None, *, anew: bool, yes: bool, as_json: bool) -> None:
    """Deploy what is not there yet, check it, and print the addresses.

    Raises `WrongChain`, `InsufficientFunds`, `SettingsError`, `Unavailable`, and `EngineFailure` if what is on the
    chain is not what it should be.
    """
    chosen = None if minter is None else checksummed(minter, param="minter")

    async def run(deployment: Deployment) -> tuple[Addresses, list[str]]:
        addresses = await deployment.deploy(chosen or deployment.key.address, anew=anew)
        return addresses, list(await faults(deployment.key.node, deployment.code, addresses))

    standing = _with_deployment(settings, lambda deployment: deployment.standing())
    if standing is None:
        _ask(settings, "Deploy the contracts to", lambda deployment: deployment.cost(), yes=yes)
    addresses, problems = _with_deployment(settings, run)
    if as_json:
        typer.echo(addresses.model_dump_json(indent=2))
    else:
        typer.secho("already deployed" if standing else "deployed", bold=True)
        fields = addresses.model_dump(include={"gtx", "nft", "vault", "governor", "timelock", "minter"})
        print_table(("", "address"), [(name, str(value)) for name, value in fields.items()])
    if problems:
        raise EngineFailure("not as it should be: " + "; ".join(problems))


def upgrade(settings: Settings, contract: str, call: str, *, wait_s: float, yes: bool) -> bool:
    """Go on with an upgrade as far as it goes now; whether it is done. Raises as `deploy`."""
    data = _bytes(call)
    if data or contract in _with_deployment(settings, outdated):
        _ask(settings, f"Upgrade {contract} on", lambda deployment: upgrade_cost(deployment, contract), yes=yes)
    outcome = _with_deployment(
        settings, lambda deployment: upgrade_contract(deployment, contract, call=data, patience_s=wait_s)
    )
    if isinstance(outcome, Upgraded):
        how = "is this version's already" if outcome.was_already else "is this version's now"
        typer.echo(f"{outcome.contract} {how}: {outcome.implementation}")
        return True
    return _come_back(outcome)


def grant_minters(settings: Settings, *, wait_s: float, yes: bool) -> bool:
    """Go on with letting every key mint; whether it is done. Raises as `deploy`."""
    _ask(settings, "Let all keys mint on", lambda deployment: upgrade_cost(deployment, None), yes=yes)
    outcome = _with_deployment(
        settings, lambda deployment: grant(deployment, deployment.key.signer.addresses, patience_s=wait_s)
    )
    if isinstance(outcome, Waiting):
        return _come_back(outcome)
    typer.echo(f"may mint now: {', '.join(outcome)}" if outcome else "all keys may mint already")
    return True


def show_status(settings: Settings, *, as_json: bool) -> bool:
    """Print how the deployment stands; whether all is as it should be. Works without keys too."""
    chain = load_chain(settings.chain)
    found = asyncio.run(_status(settings, chain))
    if as_json:
        typer.echo(json.dumps(_json(found), indent=2))
    else:
        _print(found, chain)
    return not found.faults


def _ask(settings: Settings, what: str, cost: Callable[[Deployment], Awaitable[int]], *, yes: bool) -> None:
    """Say what it costs at most, and ask. Raises `InsufficientFunds` if the key has less."""

    async def estimate(deployment: Deployment) -> tuple[int, int]:
        await deployment.key.node.check()
        return await cost(deployment), await deployment.key.node.balance(deployment.key.address)

    chain = load_chain(settings.chain)
    most, balance = _with_deployment(settings, estimate)
    if balance < most:
        raise InsufficientFunds(
            f"it may cost {most / _UNIT:.6f} {chain.currency}, and the key has {balance / _UNIT:.6f}"
        )
    if not yes:
        question = f"{what} {chain.name} (chain id {chain.chain_id}), for {most / _UNIT:.6f} {chain.currency} at most?"
        typer.confirm(question, abort=True)


def _with_deployment(settings: Settings, do: Callable[[Deployment], Awaitable[T]]) -> T:
    chain = load_chain(settings.chain)

    async def run() -> T:
        url = rpc_url(settings, chain)
        async with open_deployment(settings, chain, url, say=lambda line: typer.echo(line, err=True)) as deployment:
            return await do(deployment)

    return asyncio.run(run())


async def _status(settings: Settings, chain: Chain) -> ChainStatus:
    addresses = load_addresses(settings.chain_addresses, chain.chain_id)
    url = rpc_url(settings, chain)
    try:
        accounts = (await open_signer(settings, chain)).addresses
    except SettingsError:
        accounts = ()
    node, code = Web3Node(url, chain), ContractCode(url)
    try:
        return await chain_status(node, code, addresses, accounts)
    finally:
        await node.close()
        await code.close()


def _come_back(waiting: Waiting) -> bool:
    if waiting.until:
        moment = datetime.fromtimestamp(waiting.until, UTC)
        typer.echo(f"{waiting.what} at {moment:%Y-%m-%d %H:%M:%S} UTC: call again then")
    else:
        typer.echo(waiting.what)
    return False


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as problem:
        raise InvalidInput("a call is 0x and hexadecimal digits", param="call") from problem


def _json(status: ChainStatus) -> dict[str, object]:
    return {
        "block": status.head.number,
        "finalized_block": status.finalized.number,
        "contracts": [contract._asdict() for contract in status.contracts],
        "faults": list(status.faults),
        "tokens": status.tokens,
        "gtx_supply": str(status.gtx_supply),
        "keys": [{**key._asdict(), "balance": str(key.balance)} for key in status.keys],
        "proposals": None
        if status.proposals is None
        else [{**p._asdict(), "id": str(p.id), "state": p.state.name.lower()} for p in status.proposals],
    }


def _print(status: ChainStatus, chain: Chain) -> None:
    typer.secho(f"{chain.name} (chain id {chain.chain_id}), block {status.head.number}", bold=True)
    typer.echo(f"{status.tokens} tokens, {status.gtx_supply / _UNIT:.0f} GTX")
    rows = [
        (c.name, c.proxy, c.implementation, "this version" if c.is_ours else "another", "paused" if c.paused else "")
        for c in status.contracts
    ]
    print_table(("contract", "address", "implementation", "code", ""), rows)
    if status.keys:
        keys = [(k.address, f"{k.balance / _UNIT:.6f} {chain.currency}", ", ".join(k.powers)) for k in status.keys]
        print_table(("key", "has", "is"), keys)
    if status.proposals is None:
        typer.echo("open votes: the node does not look through its events")
    elif status.proposals:
        print_table(("vote", "state"), [(p.description, p.state.name.lower()) for p in status.proposals])
    for fault in status.faults:
        typer.secho(fault, fg="red")
