"""IPFS content in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gitex.errors import AssetDeleted, CidMismatch, NotFound
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link
from storage.ipfs.unixfs import PlacedBlock, directory_block, file_blocks


@dataclass
class MemoryContent:
    """A `gitex.ports.PublicContent`."""

    blocks: dict[str, bytes] = field(default_factory=dict, repr=False)
    media_types: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None

    async def block(self, cid: str) -> bytes:
        self.asked.append(cid)
        if self.error is not None:
            raise self.error
        wanted = Cid.parse(cid).v1()
        if str(wanted) in self.deleted:
            raise AssetDeleted(f"{cid} was deleted")
        if str(wanted) not in self.blocks:
            raise NotFound(f"no block {cid} is pinned here")
        data = self.blocks[str(wanted)]
        if Cid.of(wanted.codec, data) != wanted:
            raise CidMismatch(f"the bytes are not those of {cid}")
        return data

    async def media_type(self, cid: str) -> str:
        return self.media_types.get(cid, "")

    def add_file(self, content: bytes, media_type: str = "") -> str:
        """Keep a file; returns its CID."""
        return str(self.link(content, "", media_type).cid)

    def add_directory(self, entries: Iterable[Link]) -> Link:
        """Keep a directory of what has been kept; its link has no name."""
        return self._keep(directory_block(entries), "")

    def link(self, content: bytes, name: str, media_type: str = "") -> Link:
        """Keep a file; returns the link to it."""
        *blocks, root = file_blocks([content])
        for block in blocks:
            self._keep(block, "")
        if media_type:
            self.media_types[str(root.cid)] = media_type
        return self._keep(root, name)

    def _keep(self, block: PlacedBlock, name: str) -> Link:
        self.blocks[str(block.cid)] = block.data
        return Link(block.cid, name, block.tsize)
