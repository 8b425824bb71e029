"""The chain of `gitex up`, if the settings ask for it: with contracts on it, and something to try them with."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from chain.addresses import Addresses, addresses_file
from chain.anvil import NOT_INSTALLED, AnvilRpc, anvil_program
from chain.contract import Contract
from chain.contract_code import ContractCode
from chain.deployment import Deployment
from chain.deployment_plan import GTX_UNIT
from chain.dev_chain import DevChain
from chain.dev_keys import dev_keys
from chain.operator_key import OperatorKey
from chain.signers import open_signer
from chain.upgrade import outdated
from chain.web3_node import Web3Node
from configs.chains import Chain, load_chain
from configs.settings import Settings
from gitex.errors import GitexError, SettingsError

log = logging.getLogger("gitex.chain")

RPC_SETTING = "GITEX_CHAIN_RPC_URL"
GIVEN_WEI = 10_000 * 10**18
"""To a key of the settings' that has less than a coin: as much as development accounts begin with."""
GIVEN_GTX = 150_000 * GTX_UNIT
"""To the development accounts behind the first: enough for every tier."""
GIVEN_TO = 3


@contextmanager
def embedded_chain(settings: Settings) -> Iterator[str]:
    """Run the embedded chain if the settings ask for it, for as long as the block lasts; yields how it is, in a line.

    Sets `GITEX_CHAIN_RPC_URL` for everything that is started meanwhile. If it cannot be had, everything but minting
    works, and the line says why. Raises `SettingsError` for a port or a folder that is in use.
    """
    chain = load_chain(settings.chain)
    program = anvil_program()
    if settings.chain_rpc_url is not None or not chain.is_local:
        yield _elsewhere(settings, chain)
        return
    if program is None:
        yield f"none, so nothing can be minted: {NOT_INSTALLED}"
        return
    with ExitStack() as stack:
        try:
            dev = stack.enter_context(DevChain(program, settings.data_dir / "chain", settings.chain_port).running())
            stack.enter_context(_environment(RPC_SETTING, dev.url))
            line = f"{dev.url}, {asyncio.run(_prepare(settings, chain, dev.url))}"
        except SettingsError:
            raise
        except GitexError as problem:
            log.error("the embedded chain cannot be used: %s", problem.message)
            line = f"nothing can be minted: {problem.message}"
        yield line


def _elsewhere(settings: Settings, chain: Chain) -> str:
    if settings.chain_rpc_url is None:
        return f"{chain.name}: nothing can be minted without {RPC_SETTING}"
    if not addresses_file(settings.chain_addresses, chain.chain_id).exists():
        return f"{chain.name}: nothing can be minted before `gitex chain deploy`"
    return chain.name


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


async def _prepare(settings: Settings, chain: Chain, url: str) -> str:
    """Contracts and accounts; says where the contract is. Raises what deploying raises."""
    with AnvilRpc(settings.chain_port) as rpc:
        for address in (await open_signer(settings, chain)).addresses:
            if rpc.balance(address) < 10**18:
                rpc.give(address, GIVEN_WEI)
    async with open_deployment(settings, chain, url) as deployment:
        addresses = await deployment.deploy(deployment.key.address, anew=True)
        await _hand_out(deployment.key, addresses, chain)
        old = await outdated(deployment)
    hint = f"; of another version: {', '.join(old)} (`gitex chain upgrade`)" if old else ""
    return f"GitexNFT {addresses.nft}{hint}"


@asynccontextmanager
async def open_deployment(
    settings: Settings, chain: Chain, url: str, *, say: Callable[[str], None] = log.info
) -> AsyncIterator[Deployment]:
    """What deploys on that chain with the first key of the settings, for as long as the block lasts.

    Raises `SettingsError` for keys that cannot be used, `Unavailable`.
    """
    signer = await open_signer(settings, chain)
    node, code = Web3Node(url, chain), ContractCode(url)
    try:
        key = OperatorKey(node, signer, chain, signer.addresses[0], say=say)
        yield Deployment(key, code, settings.chain_addresses)
    finally:
        await node.close()
        await code.close()


async def _hand_out(key: OperatorKey, addresses: Addresses, chain: Chain) -> None:
    """GTX to stake, for development accounts that have none."""
    gtx = Contract("GTX", addresses.gtx)
    accounts = [account for account in dev_keys(chain, 1 + GIVEN_TO).addresses[1:] if account != key.address]
    for account in accounts:
        if await key.read(gtx, "balanceOf", account) == 0 and await key.read(gtx, "balanceOf", key.address) > GIVEN_GTX:
            await key.transact(gtx, "transfer", account, GIVEN_GTX, what=f"GTX for {account}")
