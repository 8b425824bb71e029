"""What of the embedded node's content the public sees, on SQLite and PostgreSQL."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitex.errors import AssetDeleted, NotFound
from storage.database import transaction
from storage.ipfs.cid import Cid
from storage.ipfs.unixfs import CHUNK_BYTES
from storage.tables import PinRecord
from tests.unit.storage.ipfs.kept_node import Node, asset, opened

BIG = random.Random(5).randbytes(3 * CHUNK_BYTES + 17)


@pytest.fixture
async def kept(database_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    node = await opened(database_url, tmp_path / "blobs")
    yield node
    await node.assets.close()


async def test_the_public_sees_what_belongs_to_nobody_and_what_is_kept_and_public(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.node.pin(content)
    assert await kept.public.block(content.cid) == await kept.node.block(content.cid)
    await kept.assets.save(asset(BIG), BIG)
    assert await kept.public.block(content.cid) == await kept.node.block(content.cid)
    assert await kept.public.media_type(content.cid) == "image/webp"


async def test_a_deleted_asset_is_gone_at_once_with_every_block_of_it(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.assets.save(asset(BIG), BIG)
    await kept.node.pin(content)
    await kept.assets.delete("ast_1", None)
    leaf = str(Cid.of("raw", BIG[:CHUNK_BYTES]))
    for _ in range(2):
        with pytest.raises(AssetDeleted):
            await kept.public.block(content.cid)
        with pytest.raises(NotFound):
            await kept.public.block(leaf)
        assert await kept.public.media_type(content.cid) == ""
        await kept.node.unpin(content.cid)


async def test_content_that_another_asset_still_has_stays(kept: Node) -> None:
    content = await kept.add(BIG)
    await kept.assets.save(asset(BIG), BIG)
    await kept.assets.save(asset(BIG, id="ast_2"), BIG)
    await kept.node.pin(content)
    await kept.assets.delete("ast_1", None)
    assert await kept.public.block(content.cid) == await kept.node.block(content.cid)
    await kept.assets.delete("ast_2", None)
    with pytest.raises(AssetDeleted):
        await kept.public.block(content.cid)


async def test_a_private_asset_and_its_metadata_are_not_shown(kept: Node) -> None:
    content, metadata = await kept.add(BIG), await kept.add(b'{"name": "star"}')
    await kept.assets.save(asset(BIG, public=False), BIG)
    await kept.node.pin(content)
    await kept.node.pin(metadata)
    async with transaction(kept.assets.engine) as session:
        session.add(PinRecord(cid=metadata.cid, target="embedded", asset_id="ast_1", state="pinned"))
    for cid in (content.cid, metadata.cid, str(Cid.of("raw", BIG[:CHUNK_BYTES]))):
        with pytest.raises(NotFound) as caught:
            await kept.public.block(cid)
        assert not isinstance(caught.value, AssetDeleted)
        assert await kept.node.block(cid)
    assert await kept.public.media_type(content.cid) == ""
