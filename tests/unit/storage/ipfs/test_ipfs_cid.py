"""CIDs as text and bytes: what other implementations write is read, and nothing else is."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import CidMismatch, InvalidInput
from storage.ipfs.cid import Cid

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())["spellings"]
V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
"""The empty directory, as every Kubo node has it from its first start."""
RAW = GOLDEN["raw"]["base32"]

digests = st.binary(min_size=32, max_size=32)
cids = st.one_of(
    st.builds(Cid, st.just(1), st.sampled_from(["raw", "dag-pb"]), digests),
    st.builds(Cid, st.just(0), st.just("dag-pb"), digests),
)


@pytest.mark.parametrize("kind", ["raw", "dag-pb", "v0"])
def test_every_base_that_others_write_is_read_and_written_back(kind: str) -> None:
    spelled = GOLDEN[kind]
    cid = Cid.parse(spelled["base32"])
    assert str(cid) == spelled["base32"]
    assert bytes(cid).hex() == spelled["hex"]
    assert cid.base36() == spelled["base36"]
    for base in ("base36", "base58btc"):
        assert Cid.parse(spelled[base]) == cid


def test_version_0_is_read_written_and_turned_into_version_1() -> None:
    cid = Cid.parse(GOLDEN["v0"]["text"])
    assert str(cid) == GOLDEN["v0"]["text"]
    assert str(cid.v1()) == GOLDEN["v0"]["base32"]
    assert cid != cid.v1()
    assert cid.digest == cid.v1().digest


@given(cid=cids)
def test_text_and_bytes_come_back(cid: Cid) -> None:
    assert Cid.parse(str(cid)) == cid
    assert Cid.parse(cid.base36()) == cid.v1()
    assert Cid.from_bytes(bytes(cid)) == cid
    assert Cid.split(bytes(cid) + b"and more") == (cid, len(bytes(cid)))


@given(cid=cids, at=st.integers(0, 60), letter=st.characters())
def test_a_changed_text_is_another_cid_or_refused(cid: Cid, at: int, letter: str) -> None:
    text = str(cid)
    changed = text[:at] + letter + text[at + 1 :]
    try:
        assert (Cid.parse(changed) == cid) == (changed == text)
    except InvalidInput:
        assert changed != text


@given(text=st.one_of(st.text(), st.from_regex(r"\A(Qm|b|k|z)[0-9A-Za-z]{40,62}\Z")))
def test_any_text_is_a_cid_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert Cid.parse(text).digest


@given(data=st.one_of(st.binary(), st.binary(min_size=34, max_size=36)))
def test_any_bytes_are_a_cid_or_refused(data: bytes) -> None:
    with suppress(InvalidInput):
        assert bytes(Cid.from_bytes(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Qm",
        "b",
        RAW.upper(),
        RAW + "=",
        RAW + "a",
        RAW[:-1],
        RAW[:-1] + chr(ord(RAW[-1]) + 1),
        " " + RAW,
        RAW + "\n",
        "z" + V0,
        V0[:-1],
        V0.replace("m", "0", 1),
        "../../etc/passwd",
        "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        "bafkqaaa",
        "k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r",
    ],
    ids=lambda text: text[:20] or "nothing",
)
def test_what_is_not_a_canonical_cid_of_a_file_block_is_refused(text: str) -> None:
    """Among them dag-cbor, an identity hash, and an IPNS key."""
    with pytest.raises(InvalidInput, match="CID"):
        Cid.parse(text)


def test_a_text_that_is_far_too_long_is_not_even_decoded() -> None:
    with pytest.raises(InvalidInput, match="neither"):
        Cid.parse("z" + "a" * 10_000)


def test_no_cid_can_be_made_that_cannot_be_written() -> None:
    with pytest.raises(InvalidInput):
        Cid(0, "raw", bytes(32))
    with pytest.raises(InvalidInput):
        Cid(1, "raw", bytes(31))


def test_a_block_is_told_from_other_bytes() -> None:
    cid = Cid.of("raw", b"star")
    cid.check(memoryview(b"star"))
    with pytest.raises(CidMismatch, match=str(cid)):
        cid.check(b"stars")
