"""An embedded node over a real folder of blobs and a real database, and what its tests ask of it."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from gitex.assets import Asset
from gitex.events import StageSeconds
from gitex.publishing import Content
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.database import open_database, transaction
from storage.ipfs.cid import Cid
from storage.ipfs.embedded import EmbeddedNode
from storage.ipfs.public import SqlPublicContent
from storage.ipfs.reader import read_file
from storage.ipfs.unixfs import file_cid
from storage.tables import BlockRecord


@dataclass
class Node:
    """A node and what it stands on."""

    node: EmbeddedNode
    blobs: LocalBlobStore
    folder: Path
    public: SqlPublicContent
    assets: SqlAssetStore

    async def add(self, content: bytes, name: str = "star.png") -> Content:
        """Put bytes where the node finds them."""
        blob = await self.blobs.put(content)
        return Content(cid=str(file_cid([content])), name=name, blob=blob, size=len(content))

    async def rows(self) -> int:
        async with transaction(self.assets.engine) as session:
            return (await session.scalars(select(func.count()).select_from(BlockRecord))).one()

    def spoil(self, blob: str, at: int) -> None:
        """Change one byte of a blob on the disk."""
        path = self.folder / blob[:2] / blob
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)

    async def read(self, cid: str, start: int = 0, length: int | None = None) -> bytes:
        async def get(wanted: Cid) -> bytes:
            return await self.node.block(str(wanted))

        return b"".join([part async for part in read_file(get, Cid.parse(cid), start, length)])


async def opened(url: str, folder: Path) -> Node:
    """A node on that database and folder; close its `assets`."""
    engine = await open_database(url)
    blobs = LocalBlobStore(folder)
    return Node(
        EmbeddedNode(engine, blobs),
        blobs,
        folder,
        SqlPublicContent(engine, blobs),
        SqlAssetStore(engine, blobs),
    )


def asset(content: bytes, **fields: object) -> Asset:
    """Kept, public, and of these bytes, unless `fields` say otherwise."""
    spec = ImageSpec(
        variant=Variant("starter-diffusion", 1, "sha256:" + "a" * 64),
        prompt="a star",
        width=64,
        height=64,
        seed=1,
        settings=DiffusionSettings(steps=2, guidance_scale=1.0, sampler="ddim"),
    )
    plain = Asset(
        id="ast_1",
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/webp",
        size=len(content),
        spec=spec,
        stages=StageSeconds(),
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        cid=str(file_cid([content])),
    )
    return replace(plain, **fields)  # type: ignore[arg-type]
