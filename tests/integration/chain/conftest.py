"""Chains with our contracts: one for all tests that only add to it, and one of a file's own for those that do more."""

from collections.abc import AsyncIterator, Iterator

import pytest

from chain.web3_node import Web3Node
from tests.integration.chain.deployed import Deployed, deployed_anew
from tests.integration.chain.wallets import Street, street


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Do not reset or reorganise it: other tests go on with it."""
    with deployed_anew(tmp_path_factory.mktemp("deployed")) as chain:
        yield chain


@pytest.fixture
async def node(deployed: Deployed) -> AsyncIterator[Web3Node]:
    """That chain's node, for the loop of one test."""
    node = Web3Node(deployed.url, deployed.chain)
    yield node
    await node.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A chain of this file's own, which may reorganise it and move its clock."""
    with deployed_anew(tmp_path_factory.mktemp("site")) as chain:
        yield chain


@pytest.fixture
async def town(site: Deployed) -> AsyncIterator[Street]:
    """Wallets on that chain, for the loop of one test."""
    async with street(site) as made:
        yield made
