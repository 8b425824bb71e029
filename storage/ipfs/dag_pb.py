"""dag-pb nodes and the UnixFS message inside them (ipld.io/specs/codecs/dag-pb, specs.ipfs.tech/unixfs).

Nodes are written in the canonical form: links before data, in a link hash, name and size, all of them present.
"""

from dataclasses import dataclass
from typing import Literal

from gitex.errors import InvalidInput
from storage.ipfs.cid import Cid
from storage.ipfs.protobuf import Field, a_number, bytes_field, fields, number_field, numbers, some_bytes

Kind = Literal["raw", "directory", "file"]

_KINDS: tuple[Kind, ...] = ("raw", "directory", "file")
MAX_FILE_BYTES = 2**63 - 1
_NOT_READ = {3: "metadata", 4: "symlink", 5: "HAMT-sharded directory"}


@dataclass(frozen=True, slots=True)
class Link:
    """From a node to a block below it."""

    cid: Cid
    name: str
    """In a directory the entry's name; empty in a file."""
    tsize: int
    """Bytes of all blocks of the DAG below, the same block counted each time it is linked. A hint: nobody checks it."""


@dataclass(frozen=True)
class Node:
    """One dag-pb block."""

    links: tuple[Link, ...] = ()
    data: bytes | None = None


@dataclass(frozen=True)
class UnixFs:
    """What a node is in the file system."""

    kind: Kind
    """`raw` is a leaf of a file in the old form, not a raw block."""
    data: bytes = b""
    """Bytes of the file that lie in this node, before those of its links."""
    blocksizes: tuple[int, ...] = ()
    """Bytes of the file below each link, in the links' order."""

    @property
    def size(self) -> int:
        """Bytes of the file in and below this node."""
        return len(self.data) + sum(self.blocksizes)


def encode_node(node: Node) -> bytes:
    """The block of a node. Links are written in the order that they have."""
    parts = [bytes_field(2, _encode_link(link)) for link in node.links]
    if node.data is not None:
        parts.append(bytes_field(1, node.data))
    return b"".join(parts)


def decode_node(block: bytes) -> Node:
    """Read a dag-pb block; links may come before the data or behind them, not around. Raise `InvalidInput`."""
    links: list[Link] = []
    data: bytes | None = None
    previous = 0
    for field in fields(block):
        if field.tag == 2 and (previous == 2 or not links):
            links.append(_decode_link(some_bytes(field)))
        elif field.tag == 1 and data is None:
            data = some_bytes(field)
        else:
            raise InvalidInput("not a dag-pb node: an unknown or repeated part")
        previous = field.tag
    return Node(tuple(links), data)


def encode_unixfs(entry: UnixFs) -> bytes:
    """The UnixFS message of a file or directory."""
    parts = [number_field(1, _KINDS.index(entry.kind))]
    if entry.data:
        parts.append(bytes_field(2, entry.data))
    if entry.kind != "directory":
        parts.append(number_field(3, entry.size))
    parts.extend(number_field(4, size) for size in entry.blocksizes)
    return b"".join(parts)


def decode_unixfs(node: Node) -> UnixFs:
    """What the node is. Raise `InvalidInput`, also for the kinds that are not read here, by their name."""
    if node.data is None:
        raise InvalidInput("a dag-pb node without UnixFS data")
    kinds: list[int] = []
    sizes: list[int] = []
    blocksizes: list[int] = []
    data = b""
    for field in fields(node.data):
        if field.tag == 1:
            kinds.append(a_number(field))
        elif field.tag == 2:
            data = some_bytes(field)
        elif field.tag == 3:
            sizes.append(a_number(field))
        elif field.tag == 4:
            blocksizes.extend(numbers(field))
    entry = UnixFs(_kind(kinds), data, tuple(blocksizes))
    if entry.kind != "directory":
        _check_sizes(node, entry, sizes)
    return entry


def _kind(found: list[int]) -> Kind:
    if len(found) != 1 or found[0] >= len(_KINDS) + len(_NOT_READ):
        raise InvalidInput("a dag-pb node whose data are not UnixFS")
    if found[0] in _NOT_READ:
        raise InvalidInput(f"a UnixFS {_NOT_READ[found[0]]}, which is not read here")
    return _KINDS[found[0]]


def _check_sizes(node: Node, entry: UnixFs, sizes: list[int]) -> None:
    """A file's own account must be right: ranges are found by it."""
    if entry.size > MAX_FILE_BYTES:
        raise InvalidInput("a UnixFS file that claims to have 2**63 bytes or more")
    if len(entry.blocksizes) != len(node.links) or any(size != entry.size for size in sizes):
        raise InvalidInput("a UnixFS file whose sizes do not fit its links")


def _encode_link(link: Link) -> bytes:
    return bytes_field(1, bytes(link.cid)) + bytes_field(2, link.name.encode()) + number_field(3, link.tsize)


def _decode_link(message: bytes) -> Link:
    found: dict[int, Field] = {}
    for field in fields(message):
        if field.tag not in (1, 2, 3) or field.tag in found:
            raise InvalidInput("a dag-pb link with an unknown or repeated part")
        found[field.tag] = field
    if 1 not in found:
        raise InvalidInput("a dag-pb link without a hash")
    try:
        name = some_bytes(found[2]).decode() if 2 in found else ""
    except UnicodeDecodeError as error:
        raise InvalidInput("a dag-pb link whose name is not UTF-8") from error
    return Link(Cid.from_bytes(some_bytes(found[1])), name, a_number(found[3]) if 3 in found else 0)
