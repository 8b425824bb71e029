"""Is the code at an address what our compiler made?"""

_PUSH1, _PUSH32 = 0x60, 0x7F
_WORD = 32


def runs(code: bytes, creation: bytes, *, immutables: bytes | None = None) -> bool:
    """Whether `code`, found on a chain, is what the contract's `creation` bytecode leaves there.

    The creation bytecode holds it word for word, but for immutables: those are zeros after a PUSH32 there, and their
    values on the chain. `immutables`: the one value that all of them must have, 32 bytes; None for any.
    """
    if not 0 < len(code) < len(creation):
        return False
    # The compiler puts it last, the constructor before it, which copies just so many bytes.
    constructor, compiled = creation[: -len(code)], creation[-len(code) :]
    return _pushed(len(code)) in constructor and _same(code, compiled, immutables)


def _pushed(number: int) -> bytes:
    """The instruction that puts a number on the stack."""
    digits = number.to_bytes((number.bit_length() + 7) // 8)
    return bytes([_PUSH1 + len(digits) - 1]) + digits


def _same(code: bytes, compiled: bytes, immutables: bytes | None) -> bool:
    position = 0
    while position < len(code):
        if code[position] != compiled[position]:
            return False
        operand = slice(position + 1, position + 1 + _WORD)
        if code[position] == _PUSH32 and compiled[operand] == bytes(_WORD):
            if immutables is not None and code[operand] not in (immutables, bytes(_WORD)):
                return False
            position = operand.stop
        else:
            # Not by whole instructions: data between them would make us lose step.
            position += 1
    return True
