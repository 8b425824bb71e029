"""A scripted JSON-RPC server, and a node behind it; and a stage for minters."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.web3_node import Web3Node
from configs.chains import load_chain
from storage.database import open_database
from tests.fakes.minting_stage import Stage
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


@pytest.fixture
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """With a new database."""
    engine = await open_database(f"sqlite+aiosqlite:///{folder}/gitex.db")
    yield Stage(engine)
    await engine.dispose()
