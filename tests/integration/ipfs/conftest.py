"""Real IPFS nodes."""

from collections.abc import Iterator

import pytest

from tests.integration.ipfs_node_process import IpfsNode


@pytest.fixture(scope="session")
def ipfs_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpfsNode]:
    """A running node that all tests share: leave it running."""
    with IpfsNode(tmp_path_factory.mktemp("ipfs") / "repo") as node:
        yield node


@pytest.fixture
def frail_ipfs_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpfsNode]:
    """A running node of this test's own, to be killed and started again."""
    with IpfsNode(tmp_path_factory.mktemp("ipfs") / "repo") as node:
        yield node
