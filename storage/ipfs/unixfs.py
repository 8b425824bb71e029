"""Files and directories as blocks: the DAG, and so the CID, that a Kubo node with `--cid-version=1` makes of them.

Chunks of 256 KiB as raw leaves, 174 links a node, all leaves at the same depth. A file of one chunk is that one raw
block.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import NamedTuple

from gitex.errors import InvalidInput
from storage.ipfs.cid import BytesLike, Cid
from storage.ipfs.dag_pb import Link, Node, UnixFs, encode_node, encode_unixfs

CHUNK_BYTES = 256 * 1024
MAX_LINKS = 174
MAX_DIRECTORY_BYTES = 256 * 1024
"""Names and CIDs of one directory block. Kubo makes a HAMT of a larger directory, which we do not write."""


class PlacedBlock(NamedTuple):
    """A block, and where it stands."""

    cid: Cid
    data: bytes
    offset: int | None
    """Of a leaf, in bytes from the begin of the file; None for a node above leaves and for a directory."""
    tsize: int
    """Bytes of the block and of all below it."""


class _Leaf(NamedTuple):
    """A chunk whose bytes are only there until the next one is asked for."""

    cid: Cid
    data: BytesLike
    offset: int


class _Child(NamedTuple):
    cid: Cid
    tsize: int
    size: int
    """Bytes of the file below it."""


class FileBuilder:
    """Makes blocks of a file that is handed over in pieces. Holds one chunk and at most 174 links a level."""

    def __init__(self, chunk_bytes: int = CHUNK_BYTES, max_links: int = MAX_LINKS) -> None:
        self._max_links = max_links
        self._levels: list[list[_Child]] = [[]]
        self._chunk = memoryview(bytearray(chunk_bytes))
        self._filled = 0
        self._size = 0

    def write(self, piece: BytesLike) -> Iterator[PlacedBlock]:
        """The blocks that this piece completes, children before parents. Exhaust it before the next call."""
        for leaf in self._full_chunks(memoryview(piece).cast("B")):
            yield PlacedBlock(leaf.cid, bytes(leaf.data), leaf.offset, len(leaf.data))
            yield from self._place(leaf)

    def skim(self, piece: BytesLike) -> None:
        """As `write`, for who only wants the CID: no leaf is copied."""
        for leaf in self._full_chunks(memoryview(piece).cast("B")):
            for _ in self._place(leaf):
                pass

    def close(self) -> Iterator[PlacedBlock]:
        """The blocks that are left. The last block of all that were given is the root."""
        if self._filled or not self._size:
            leaf = self._leaf(self._chunk[: self._filled])
            yield PlacedBlock(leaf.cid, bytes(leaf.data), leaf.offset, len(leaf.data))
            yield from self._place(leaf)
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            if self._levels[level]:
                yield from self._wrap(level)
            level += 1

    @property
    def root(self) -> Cid:
        """The file's CID, after `close`."""
        return self._levels[-1][0].cid

    def _full_chunks(self, piece: memoryview) -> Iterator[_Leaf]:
        """Whole chunks are taken where they lie; what is cut by the piece's ends is gathered."""
        chunk_bytes = len(self._chunk)
        at = 0
        while self._filled + len(piece) - at >= chunk_bytes:
            if self._filled:
                at += self._gather(piece[at : at + chunk_bytes - self._filled])
                self._filled = 0
                yield self._leaf(self._chunk)
            else:
                yield self._leaf(piece[at : at + chunk_bytes])
                at += chunk_bytes
        self._gather(piece[at:])

    def _gather(self, part: memoryview) -> int:
        self._chunk[self._filled : self._filled + len(part)] = part
        self._filled += len(part)
        return len(part)

    def _leaf(self, data: memoryview) -> _Leaf:
        leaf = _Leaf(Cid.of("raw", data), data, self._size)
        self._size += len(data)
        return leaf

    def _place(self, leaf: _Leaf) -> Iterator[PlacedBlock]:
        """Hang the leaf up, and yield the nodes that are full by it."""
        level, child = 0, _Child(leaf.cid, len(leaf.data), len(leaf.data))
        self._levels[0].append(child)
        while len(self._levels[level]) == self._max_links:
            yield from self._wrap(level)
            level += 1

    def _wrap(self, level: int) -> Iterator[PlacedBlock]:
        """Put one node above the loose children of a level, and the node into the level above."""
        children = self._levels[level]
        entry = UnixFs("file", blocksizes=tuple(child.size for child in children))
        links = tuple(Link(child.cid, "", child.tsize) for child in children)
        data = encode_node(Node(links, encode_unixfs(entry)))
        tsize = len(data) + sum(child.tsize for child in children)
        cid = Cid.of("dag-pb", data)
        if level + 1 == len(self._levels):
            self._levels.append([])
        self._levels[level] = []
        self._levels[level + 1].append(_Child(cid, tsize, entry.size))
        yield PlacedBlock(cid, data, None, tsize)


def file_blocks(chunks: Iterable[BytesLike]) -> Iterator[PlacedBlock]:
    """The blocks of a file that comes in pieces of any length, children before parents, the root last."""
    builder = FileBuilder()
    for chunk in chunks:
        yield from builder.write(chunk)
    yield from builder.close()


async def file_blocks_of(chunks: AsyncIterable[BytesLike]) -> AsyncIterator[PlacedBlock]:
    """As `file_blocks`, from a stream."""
    builder = FileBuilder()
    async for chunk in chunks:
        for block in builder.write(chunk):
            yield block
    for block in builder.close():
        yield block


def file_cid(chunks: Iterable[BytesLike]) -> Cid:
    """The CID of a file that comes in pieces of any length."""
    builder = FileBuilder()
    for chunk in chunks:
        builder.skim(chunk)
    for _ in builder.close():
        pass
    return builder.root


def directory_block(entries: Iterable[Link]) -> PlacedBlock:
    """A directory of files and directories whose blocks exist. Raise `InvalidInput` for names that it cannot hold.

    Names are 1 to 255 bytes of UTF-8 each, without `/` or NUL, not `.` or `..`, and each is there once.
    """
    links = sorted(entries, key=lambda link: _name_bytes(link.name))
    if len({link.name for link in links}) != len(links):
        raise InvalidInput("a directory has one entry of a name")
    if sum(len(_name_bytes(link.name)) + len(bytes(link.cid)) for link in links) >= MAX_DIRECTORY_BYTES:
        raise InvalidInput("a directory of so many entries has to be sharded, which is not done here")
    data = encode_node(Node(tuple(links), encode_unixfs(UnixFs("directory"))))
    return PlacedBlock(Cid.of("dag-pb", data), data, None, len(data) + sum(link.tsize for link in links))


def _name_bytes(name: str) -> bytes:
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("a directory entry's name is not Unicode") from error
    if not 1 <= len(encoded) <= 255 or name in (".", "..") or "/" in name or "\0" in name:
        raise InvalidInput(f"no directory entry can be named {name[:40]!r}")
    return encoded
