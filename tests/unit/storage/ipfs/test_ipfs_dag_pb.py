"""dag-pb and UnixFS: written canonically, read as others may write them, and refused clearly."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import InvalidInput
from storage.ipfs.cid import Cid
from storage.ipfs.dag_pb import Link, Node, UnixFs, decode_node, decode_unixfs, encode_node, encode_unixfs
from storage.ipfs.protobuf import bytes_field, number_field

STAR = Cid.of("raw", b"star")
names = st.text(st.characters(exclude_categories=["Cs"]))
links = st.builds(
    Link,
    st.binary(max_size=8).map(lambda data: Cid.of("raw", data)),
    names,
    st.integers(0, 2**64 - 1),
)
nodes = st.builds(Node, st.lists(links, max_size=5).map(tuple), st.none() | st.binary(max_size=20))


@given(node=nodes)
def test_a_node_comes_back(node: Node) -> None:
    assert decode_node(encode_node(node)) == node


@given(
    kind=st.sampled_from(["file", "raw"]),
    data=st.binary(max_size=300),
    sizes=st.lists(st.integers(0, 2**40), max_size=4),
)
def test_a_files_message_comes_back(kind: str, data: bytes, sizes: list[int]) -> None:
    entry = UnixFs("file" if kind == "file" else "raw", data, tuple(sizes))
    node = Node(tuple(Link(STAR, "", 4) for _ in sizes), encode_unixfs(entry))
    assert decode_unixfs(node) == entry


def test_links_stand_before_the_data_and_all_their_parts_are_written() -> None:
    block = encode_node(Node((Link(STAR, "", 0),), b"\x08\x01"))
    assert block == b"\x12\x2a\x0a\x24" + bytes(STAR) + b"\x12\x00\x18\x00" + b"\x0a\x02\x08\x01"


def test_a_node_with_its_data_first_and_bare_links_is_read() -> None:
    bare = bytes_field(2, bytes_field(1, bytes(STAR)))
    node = decode_node(bytes_field(1, b"data") + bare + bare)
    assert node == Node((Link(STAR, "", 0), Link(STAR, "", 0)), b"data")


def test_packed_sizes_unknown_fields_and_modes_are_read_over() -> None:
    message = (
        number_field(1, 2) + bytes_field(4, b"\x04\x80\x01") + number_field(7, 0o644) + bytes_field(8, b"\x08\x01")
    )
    node = Node((Link(STAR, "", 4), Link(STAR, "", 128)), message + b"\x4d1234" + b"\x51" + b"12345678")
    assert decode_unixfs(node) == UnixFs("file", blocksizes=(4, 128))


@pytest.mark.parametrize(("number", "kind"), [(3, "metadata"), (4, "symlink"), (5, "HAMT-sharded directory")])
def test_kinds_that_are_not_read_are_refused_by_name(number: int, kind: str) -> None:
    with pytest.raises(InvalidInput, match=kind):
        decode_unixfs(Node((), number_field(1, number)))


_LINK = bytes_field(2, bytes_field(1, bytes(STAR)))


@pytest.mark.parametrize(
    "block",
    [
        _LINK + bytes_field(1, b"") + _LINK,
        bytes_field(1, b"") * 2,
        number_field(1, 1),
        number_field(2, 1),
        bytes_field(3, b""),
        bytes_field(2, b""),
        bytes_field(2, bytes_field(1, b"no CID")),
        bytes_field(2, bytes_field(1, bytes(STAR)) * 2),
        bytes_field(2, bytes_field(1, bytes(STAR)) + bytes_field(2, b"\xff")),
        bytes_field(2, bytes_field(1, bytes(STAR)) + bytes_field(3, b"4")),
        bytes_field(2, number_field(1, 4)),
        _LINK[:-1],
        bytes_field(1, b"data")[:-1],
        bytes_field(2, bytes_field(1, bytes(STAR)) + b"\x18" + b"\x80" * 9 + b"\x02"),
        b"\x0a",
        b"\x0b",
        b"\xff" * 10 + b"\x01",
        b"\x0a" + b"\x80" * 9 + b"\x02",
    ],
    ids=lambda block: block[:6].hex(),
)
def test_what_is_not_a_node_is_refused(block: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_node(block)


@pytest.mark.parametrize(
    "node",
    [
        Node(),
        Node((), b""),
        Node((), number_field(1, 6)),
        Node((), number_field(1, 2) * 2),
        Node((), bytes_field(1, b"2")),
        Node((), number_field(1, 2) + number_field(3, 1)),
        Node((), number_field(1, 2) + number_field(4, 1)),
        Node((Link(STAR, "", 4),), number_field(1, 2)),
        Node((Link(STAR, "", 4),), number_field(1, 2) + number_field(4, 2**63)),
        Node((Link(STAR, "", 4),), number_field(1, 2) + bytes_field(4, b"\x80")),
    ],
)
def test_what_is_not_a_file_or_directory_is_refused(node: Node) -> None:
    with pytest.raises(InvalidInput):
        decode_unixfs(node)


@given(block=st.binary(max_size=60) | nodes.map(encode_node))
def test_any_bytes_are_a_node_or_refused(block: bytes) -> None:
    for cut in (block, block[:-1], block[1:], block + b"\x0a"):
        with suppress(InvalidInput):
            decode_unixfs(decode_node(cut))
