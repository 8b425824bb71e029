"""A scripted node, a blob store that has the star, and our client between them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.blobs import LocalBlobStore
from storage.ipfs.kubo import KuboNode
from tests.fakes.kubo_server import ScriptedNode, scripted_node
from tests.unit.storage.ipfs.kubo.star import IMPATIENT, STAR, THREADS


@pytest.fixture
async def node() -> AsyncIterator[ScriptedNode]:
    async with scripted_node() as node:
        yield node


@pytest.fixture
async def blobs(tmp_path: Path) -> LocalBlobStore:
    store = LocalBlobStore(tmp_path / "blobs")
    await store.put(STAR)
    return store


@pytest.fixture
async def kubo(node: ScriptedNode, blobs: LocalBlobStore) -> AsyncIterator[KuboNode]:
    kubo = KuboNode(node.address, blobs, IMPATIENT, threads=THREADS)
    yield kubo
    await kubo.close()
