"""Whether code on a chain is told apart from other code."""

from chain.bytecode import runs

OWN = bytes(12) + b"\x11" * 20
RUNTIME = b"\x60\x80\x60\x40\x52\x34\x80\x15" + b"\x7f" + bytes(32) + b"\x5b" * 40
CREATION = b"\x60\x80\x60\x40\x52\x60" + bytes([len(RUNTIME)]) + RUNTIME
ON_CHAIN = RUNTIME.replace(bytes(32), OWN)


def test_code_on_the_chain_has_values_where_the_compiler_left_zeros() -> None:
    assert runs(ON_CHAIN, CREATION)
    assert runs(ON_CHAIN, CREATION, immutables=OWN)
    assert runs(RUNTIME, CREATION, immutables=OWN)  # one that nothing reads may stay zero


def test_other_code_is_other_code() -> None:
    changed = ON_CHAIN[:-1] + b"\x00"
    assert not runs(changed, CREATION)
    assert not runs(ON_CHAIN + b"\x5b", CREATION)
    assert not runs(b"", CREATION)
    assert not runs(b"\xef" * 20, CREATION)


def test_a_copy_that_was_made_for_another_address_is_not_ours() -> None:
    assert not runs(ON_CHAIN, CREATION, immutables=bytes(12) + b"\x22" * 20)


def test_a_part_of_it_is_not_ours_although_all_of_that_is_in_there() -> None:
    assert not runs(ON_CHAIN[:-20], CREATION)
    assert not runs(ON_CHAIN[20:], CREATION)
    assert not runs(ON_CHAIN[-20:], CREATION)
