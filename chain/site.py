"""The chain that the settings name: a node of it, and the contracts on it."""

import asyncio

from chain.addresses import Addresses, load_addresses
from chain.anvil import NOT_INSTALLED, anvil_program
from chain.node import Node
from chain.staking import StakingReader
from chain.tokens import TokenReader
from chain.web3_node import Web3Node
from configs.chains import Chain, load_chain
from configs.settings import Settings
from gitex.errors import SettingsError, Unavailable
from gitex.ports import Clock

HEIGHT_SECONDS = 2.0


def rpc_url(settings: Settings, chain: Chain) -> str:
    """The address of the chain's node: it may hold a key. Raises `SettingsError` if there is none."""
    if settings.chain_rpc_url is not None:
        return settings.chain_rpc_url.get_secret_value()
    if chain.is_local and anvil_program() is None:
        raise SettingsError(f"there is no embedded chain: {NOT_INSTALLED}", param="GITEX_CHAIN_RPC_URL")
    if chain.is_local:
        return f"http://127.0.0.1:{settings.chain_port}"
    raise SettingsError(
        f"GITEX_CHAIN_RPC_URL is not set, and {chain.name} needs a node of yours", param="GITEX_CHAIN_RPC_URL"
    )


class ChainSite:
    """Looked up when it is needed, so that a process starts without a node and before the contracts are deployed."""

    def __init__(self, settings: Settings, *, height_s: float = HEIGHT_SECONDS) -> None:
        """`height_s`: seconds that `height` waits for the node. Raises `SettingsError` if there is no such chain."""
        self._height_s = height_s
        self.chain = load_chain(settings.chain)
        self._settings = settings
        self._node: Web3Node | None = None
        self._contracts: Addresses | None = None
        self._tokens: TokenReader | None = None
        self._staking: StakingReader | None = None

    def node(self) -> Node:
        """One for the whole process. Raises `Unavailable` that names the setting if there is no address of one."""
        if self._node is None:
            try:
                self._node = Web3Node(rpc_url(self._settings, self.chain), self.chain)
            except SettingsError as problem:
                raise Unavailable(problem.message, param=problem.param) from problem
        return self._node

    def contracts(self) -> Addresses:
        """Where they are. Raises `Unavailable` that says how to deploy them; once they are there they stay."""
        if self._contracts is None:
            try:
                self._contracts = load_addresses(self._settings.chain_addresses, self.chain.chain_id)
            except SettingsError as problem:
                raise Unavailable(problem.message, param=problem.param) from problem
        return self._contracts

    def tokens(self) -> TokenReader:
        """Reads what was minted. Raises `Unavailable` as `node` and `contracts`."""
        if self._tokens is None:
            node, contracts, seconds = self.node(), self.contracts(), self.chain.block_seconds
            self._tokens = TokenReader(node, contracts.nft, contracts.deployed_at_block, block_seconds=seconds)
        return self._tokens

    def staking(self, clock: Clock) -> StakingReader:
        """Reads what is staked; remembers it for some seconds of `clock`. Raises `Unavailable` as `tokens`."""
        if self._staking is None:
            self._staking = StakingReader(self.node(), self.contracts().gtx, clock)
        return self._staking

    async def height(self) -> int:
        """Number of the newest block. Raises `Unavailable`."""
        try:
            return (await asyncio.wait_for(self.node().head(), self._height_s)).number
        except TimeoutError as problem:
            raise Unavailable("the chain's node does not answer") from problem

    async def close(self) -> None:
        """End what is under way, and close the connection to the node."""
        if self._staking is not None:
            await self._staking.close()
        if self._node is not None:
            await self._node.close()
