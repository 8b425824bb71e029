"""A scripted JSON-RPC server, and a node behind it."""

from collections.abc import AsyncIterator

import pytest

from chain.web3_node import Web3Node
from configs.chains import load_chain
from tests.fakes.rpc_server import RpcServer, rpc_server


@pytest.fixture
async def server() -> AsyncIterator[RpcServer]:
    """On the local chain's id."""
    async with rpc_server() as running:
        yield running


@pytest.fixture
async def node(server: RpcServer) -> AsyncIterator[Web3Node]:
    """Of the local chain."""
    made = Web3Node(server.url, load_chain("local"), timeout_s=10)
    yield made
    await made.close()
