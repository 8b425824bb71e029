"""The little of protobuf's wire format that dag-pb and UnixFS need: numbers and byte strings."""

from collections.abc import Iterator
from typing import NamedTuple

from gitex.errors import InvalidInput
from storage.ipfs.varint import read_varint, write_varint

_NUMBER, _BYTES = 0, 2


class Field(NamedTuple):
    """One field of a message, as found: a number or bytes, by its wire type."""

    tag: int
    value: int | bytes


def number_field(tag: int, value: int) -> bytes:
    return write_varint(tag << 3 | _NUMBER) + write_varint(value)


def bytes_field(tag: int, value: bytes) -> bytes:
    return write_varint(tag << 3 | _BYTES) + write_varint(len(value)) + value


def fields(message: bytes) -> Iterator[Field]:
    """The fields in their order. Raise `InvalidInput` where the message is not well formed."""
    at = 0
    try:
        while at < len(message):
            key, at = read_varint(message, at)
            value, at = _value(message, key & 7, at)
            yield Field(key >> 3, value)
    except EOFError as error:
        raise InvalidInput("a protobuf message ends inside a field") from error


def _value(message: bytes, wire_type: int, at: int) -> tuple[int | bytes, int]:
    if wire_type == _NUMBER:
        return read_varint(message, at)
    length = {1: 8, 5: 4}.get(wire_type)
    if wire_type == _BYTES:
        length, at = read_varint(message, at)
    if length is None:
        raise InvalidInput(f"a protobuf message has wire type {wire_type}")
    if at + length > len(message):
        raise EOFError("the data end inside a field")
    return message[at : at + length], at + length


def a_number(field: Field) -> int:
    """The field's number. Raise `InvalidInput` if it is not one."""
    if isinstance(field.value, bytes):
        raise InvalidInput(f"protobuf field {field.tag} holds bytes where a number belongs")
    return field.value


def some_bytes(field: Field) -> bytes:
    """The field's bytes. Raise `InvalidInput` if it has none."""
    if isinstance(field.value, int):
        raise InvalidInput(f"protobuf field {field.tag} holds a number where bytes belong")
    return field.value


def numbers(field: Field) -> Iterator[int]:
    """A repeated number, written one by one or packed. Raise `InvalidInput`."""
    if isinstance(field.value, int):
        yield field.value
        return
    at = 0
    try:
        while at < len(field.value):
            number, at = read_varint(field.value, at)
            yield number
    except EOFError as error:
        raise InvalidInput(f"protobuf field {field.tag} ends inside a number") from error
