"""CAR v1 archives of blocks (ipld.io/specs/transport/car/carv1), written and read as streams.

    varint(length) header | varint(length) CID block | varint(length) CID block | …

The header is the dag-cbor of `{"roots": [CID, …], "version": 1}`; those few bytes are written by hand.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from gitex.errors import CidMismatch, InvalidInput
from storage.ipfs.cid import BytesLike, Cid
from storage.ipfs.reader import MAX_BLOCK_BYTES, MAX_BLOCKS, Block, GetBlock, walk_blocks
from storage.ipfs.varint import read_varint, write_varint

PutBlock = Callable[[Cid, bytes], Awaitable[None]]

MAX_ROOTS = 23
"""The most that a one-byte CBOR count can say; an archive of ours has one."""
_MAP_OF_TWO = b"\xa2"
_ARRAY = 0x80
_ROOTS, _VERSION = b"\x65roots", b"\x67version"
_VERSION_1, _VERSION_2 = b"\x01", b"\xa1" + _VERSION + b"\x02"
_CID = b"\xd8\x2a\x58"
"""Tag 42 and the begin of a byte string; its length and a zero byte follow, then the CID."""
_MAX_HEADER_BYTES = 1024
_MAX_CID_BYTES = 36


@dataclass(frozen=True)
class CarLimits:
    """How much an archive may hold; one block holds 2 MiB at most."""

    max_bytes: int = 1 << 35
    max_blocks: int = MAX_BLOCKS


async def export_car(get_block: GetBlock, root: Cid) -> AsyncIterator[bytes]:
    """The archive of a whole DAG, each block once, parents before children; one block is held.

    Raise as `storage.ipfs.reader` does.
    """
    yield car_header([root])
    async for block in walk_blocks(get_block, root):
        yield car_section(block)


async def import_car(
    chunks: AsyncIterable[BytesLike], put: PutBlock, limits: CarLimits | None = None
) -> tuple[Cid, ...]:
    """Hand each block of an archive to `put`; returns the roots. Whether the DAGs are complete is not looked at.

    Every block is checked first. Raise `InvalidInput` for what is not an archive or goes over the limits; blocks before
    the bad place have been put by then.
    """
    reader = CarReader(limits)
    async for chunk in chunks:
        for block in reader.write(chunk):
            await put(block.cid, block.data)
    return reader.close()


def car_header(roots: Sequence[Cid]) -> bytes:
    """The begin of an archive with 1 to 23 roots."""
    if not 1 <= len(roots) <= MAX_ROOTS:
        raise InvalidInput(f"an archive has 1 to {MAX_ROOTS} roots")
    header = _MAP_OF_TWO + _ROOTS + bytes([_ARRAY | len(roots)])
    for root in roots:
        header += _CID + bytes([len(bytes(root)) + 1, 0]) + bytes(root)
    header += _VERSION + _VERSION_1
    return write_varint(len(header)) + header


def car_section(block: Block) -> bytes:
    """One block as it stands in an archive."""
    cid = bytes(block.cid)
    return b"".join((write_varint(len(cid) + len(block.data)), cid, block.data))


class CarReader:
    """Reads an archive that is handed over in pieces. Holds at most one block beside the piece."""

    def __init__(self, limits: CarLimits | None = None) -> None:
        self._limits = limits or CarLimits()
        self._buffer = bytearray()
        self._roots: tuple[Cid, ...] = ()
        self._bytes = 0
        self._blocks = 0

    def write(self, piece: BytesLike) -> Iterator[Block]:
        """The blocks that this piece completes, checked. Exhaust it before the next call. Raise `InvalidInput`."""
        self._bytes += len(piece)
        if self._bytes > self._limits.max_bytes:
            raise InvalidInput(f"the archive is over {self._limits.max_bytes} bytes")
        self._buffer += piece
        at = 0
        while (section := self._section(at)) is not None:
            begin, at = section
            content = bytes(memoryview(self._buffer)[begin:at])
            if self._roots:
                yield self._block(content)
            else:
                self._roots = _read_header(content)
        del self._buffer[:at]

    def close(self) -> tuple[Cid, ...]:
        """The archive's roots. Raise `InvalidInput` if it ended too early."""
        if self._buffer or not self._roots:
            raise InvalidInput("the archive ends inside its header or a block")
        return self._roots

    def _section(self, at: int) -> tuple[int, int] | None:
        """Where the next header or block begins and ends; None if it has not come as a whole."""
        try:
            length, begin = read_varint(self._buffer, at)
        except EOFError:
            return None
        most = _MAX_CID_BYTES + MAX_BLOCK_BYTES if self._roots else _MAX_HEADER_BYTES
        if length > most:
            raise InvalidInput(f"not a CAR v1 archive, or a part of it is over {most} bytes")
        return (begin, begin + length) if begin + length <= len(self._buffer) else None

    def _block(self, content: bytes) -> Block:
        self._blocks += 1
        if self._blocks > self._limits.max_blocks:
            raise InvalidInput(f"the archive has over {self._limits.max_blocks} blocks")
        cid, at = Cid.split(content)
        block = Block(cid, content[at:])
        try:
            cid.check(block.data)
        except CidMismatch as error:
            raise InvalidInput(f"a block of the archive is not what its CID {cid} says") from error
        return block


def _read_header(header: bytes) -> tuple[Cid, ...]:
    """The roots. The two keys may stand in either order."""
    if header == _VERSION_2:
        raise InvalidInput("a CAR v2 archive; only version 1 is read")
    rest = _after(header, _MAP_OF_TWO)
    if rest.startswith(_VERSION):
        roots, rest = _read_roots(_after(_after(rest, _VERSION), _VERSION_1))
    else:
        roots, rest = _read_roots(rest)
        rest = _after(_after(rest, _VERSION), _VERSION_1)
    if rest:
        raise InvalidInput("the archive's header has more in it than roots and version")
    return roots


def _read_roots(rest: bytes) -> tuple[tuple[Cid, ...], bytes]:
    rest = _after(rest, _ROOTS)
    count = rest[0] - _ARRAY if rest else 0
    if not 1 <= count <= MAX_ROOTS:
        raise InvalidInput(f"the archive's header does not list 1 to {MAX_ROOTS} roots")
    rest = rest[1:]
    roots = []
    for _ in range(count):
        rest = _after(rest, _CID)
        if rest[1:2] != b"\0":
            raise InvalidInput("a root in the archive's header is not a CID")
        end = 1 + rest[0]
        roots.append(Cid.from_bytes(rest[2:end]))
        rest = rest[end:]
    return tuple(roots), rest


def _after(data: bytes, prefix: bytes) -> bytes:
    if not data.startswith(prefix):
        raise InvalidInput("not a CAR v1 archive: its header is not the expected one")
    return data[len(prefix) :]
