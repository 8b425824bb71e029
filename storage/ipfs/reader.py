"""Reads files and directories out of blocks. Each block is checked against its CID before it is believed.

All functions raise what `get_block` raises, `CidMismatch` if it gives other bytes than were asked for, and
`InvalidInput` for a DAG that is malformed, too deep, or of a kind that is not read here (sharded directory, symlink).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from gitex.errors import InvalidInput, NotFound
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Kind, Link, Node, UnixFs, decode_node, decode_unixfs

GetBlock = Callable[[Cid], Awaitable[bytes]]
"""Fetches one block. Should raise `NotFound` if there is none."""

MAX_BLOCK_BYTES = 2 * 1024 * 1024
"""What other nodes exchange at most."""
MAX_DEPTH = 32
MAX_BLOCKS = 100_000
"""Of one walk: 25 GB in full chunks."""
MAX_PATH = 4096
"""Characters."""


class Stat(NamedTuple):
    """What a CID leads to."""

    kind: Kind
    """`raw` never: every leaf is a file."""
    size: int
    """Of a file its bytes, of a directory 0."""


class Block(NamedTuple):
    """A block that has been checked."""

    cid: Cid
    data: bytes


class _Part(NamedTuple):
    """A subtree of a file, and which of the file's bytes it claims to hold."""

    cid: Cid
    start: int
    size: int | None
    """None at the root, which nobody has made a claim about."""
    depth: int


async def checked_block(get_block: GetBlock, cid: Cid) -> bytes:
    """One block, of at most 2 MiB, that is what its CID says."""
    block = await get_block(cid)
    if len(block) > MAX_BLOCK_BYTES:
        raise InvalidInput(f"the block {cid} is over {MAX_BLOCK_BYTES} bytes")
    cid.check(block)
    return block


async def resolve(get_block: GetBlock, root: Cid, path: str) -> Cid:
    """Follow a path (`a/b.png`, already percent-decoded) from a directory. Raise `NotFound` if nothing is there."""
    cid = root
    for name in split_path(path):
        entry, node = await _entry(get_block, cid)
        found = next((link for link in node.links if link.name == name), None) if entry.kind == "directory" else None
        if found is None:
            raise NotFound(f"{cid} has no entry {name!r}")
        cid = found.cid
    return cid


def split_path(path: str) -> list[str]:
    """The names in a path; empty ones are skipped. Raise `InvalidInput` for `.`, `..` and NUL."""
    names = [name for name in path.split("/") if name]
    if len(path) > MAX_PATH or len(names) > MAX_DEPTH:
        raise InvalidInput("the path is too long", param="path")
    if any(name in (".", "..") or "\0" in name for name in names):
        raise InvalidInput("a path cannot hold '.', '..' or NUL", param="path")
    return names


async def stat(get_block: GetBlock, cid: Cid) -> Stat:
    """What is there: a file and its size, or a directory."""
    entry, _ = await _entry(get_block, cid)
    return Stat("directory", 0) if entry.kind == "directory" else Stat("file", entry.size)


async def list_directory(get_block: GetBlock, cid: Cid) -> tuple[Link, ...]:
    """The entries in their order. Raise `InvalidInput` if it is a file."""
    entry, node = await _entry(get_block, cid)
    if entry.kind != "directory":
        raise InvalidInput(f"{cid} is not a directory")
    return node.links


async def read_file(get_block: GetBlock, cid: Cid, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    """The file's bytes from `start`, `length` of them or up to its end, a leaf at a time.

    Only the blocks that lead to those bytes are fetched, and one block is held. A range beyond the end gives what there
    is.
    """
    if start < 0 or (length is not None and length < 0):
        raise InvalidInput("a range cannot begin before the file or have a negative length")
    end = None if length is None else start + length
    todo = [_Part(cid, 0, None, 0)]
    while todo:
        part = todo.pop()
        entry, node = await _entry(get_block, part.cid)
        if entry.kind == "directory":
            raise InvalidInput(f"{part.cid} is a directory")
        if part.depth > MAX_DEPTH or (part.size is not None and part.size != entry.size):
            raise InvalidInput(f"the file's DAG is malformed at {part.cid}")
        inside = entry.data[max(0, start - part.start) : None if end is None else max(0, end - part.start)]
        if inside:
            yield inside
        todo.extend(reversed([child for child in _children(part, entry, node) if _overlaps(child, start, end)]))


def _children(part: _Part, entry: UnixFs, node: Node) -> list[_Part]:
    """The parts below a node, with their places in the file."""
    children = []
    at = part.start + len(entry.data)
    for link, size in zip(node.links, entry.blocksizes, strict=True):
        children.append(_Part(link.cid, at, size, part.depth + 1))
        at += size
    return children


def _overlaps(part: _Part, start: int, end: int | None) -> bool:
    """An empty part never does, so that a DAG of nothing is not walked."""
    size = part.size or 0
    return size > 0 and part.start + size > start and (end is None or part.start < end)


async def walk(
    get_block: GetBlock, root: Cid, max_depth: int = MAX_DEPTH, max_blocks: int = MAX_BLOCKS
) -> AsyncIterator[Cid]:
    """The CIDs of all blocks of a DAG, each once, parents before children, in the order of the links.

    Raw blocks are not fetched. Raise `InvalidInput` if the DAG is deeper or has more blocks than that.
    """
    async for cid, _ in _walk(get_block, root, max_depth, max_blocks, leaves=False):
        yield cid


async def walk_blocks(
    get_block: GetBlock, root: Cid, max_depth: int = MAX_DEPTH, max_blocks: int = MAX_BLOCKS
) -> AsyncIterator[Block]:
    """As `walk`, with the blocks."""
    async for block in _walk(get_block, root, max_depth, max_blocks, leaves=True):
        yield block


async def _walk(
    get_block: GetBlock, root: Cid, max_depth: int, max_blocks: int, *, leaves: bool
) -> AsyncIterator[Block]:
    seen: set[Cid] = set()
    todo = [(root, 0)]
    while todo:
        cid, depth = todo.pop()
        if cid in seen:
            continue
        if depth > max_depth or len(seen) == max_blocks:
            raise InvalidInput(f"the DAG of {root} has over {max_blocks} blocks or {max_depth} levels below its root")
        seen.add(cid)
        if cid.codec == "raw":
            yield Block(cid, await checked_block(get_block, cid) if leaves else b"")
            continue
        data = await checked_block(get_block, cid)
        yield Block(cid, data)
        below = dict.fromkeys(link.cid for link in decode_node(data).links)
        todo.extend((child, depth + 1) for child in reversed(below) if child not in seen)


async def _entry(get_block: GetBlock, cid: Cid) -> tuple[UnixFs, Node]:
    """A raw block is a file without links."""
    block = await checked_block(get_block, cid)
    if cid.codec == "raw":
        return UnixFs("file", block), Node()
    node = decode_node(block)
    return decode_unixfs(node), node
