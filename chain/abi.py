"""The types of contracts' arguments, and their coding (Solidity's "Contract ABI Specification")."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

EntryKind = Literal["function", "event", "error", "constructor", "fallback", "receive"]


@dataclass(frozen=True)
class Parameter:
    """One argument or result."""

    name: str
    type: str
    """As in the ABI: `uint256`, `tuple[]`, …"""
    components: tuple["Parameter", ...] = ()
    """Of a tuple: its fields."""
    indexed: bool = False
    """Of an event's: whether it is among the topics."""

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """From the ABI's JSON."""
        components = tuple(cls.of(component) for component in item.get("components", ()))
        return cls(item["name"], item["type"], components, bool(item.get("indexed", False)))

    @property
    def element(self) -> "Parameter | None":
        """Of an array: what one of its elements is; None for anything else."""
        if not self.type.endswith("]"):
            return None
        return Parameter(self.name, self.type[: self.type.rindex("[")], self.components)

    @property
    def canonical(self) -> str:
        """As in signatures: tuples spelled out."""
        if not self.type.startswith("tuple"):
            return self.type
        return f"({','.join(field.canonical for field in self.components)}){self.type.removeprefix('tuple')}"


@dataclass(frozen=True)
class Entry:
    """A function, event or error."""

    kind: EntryKind
    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """From the ABI's JSON."""
        inputs, outputs = (tuple(Parameter.of(part) for part in item.get(key, ())) for key in ("inputs", "outputs"))
        return cls(item["type"], item.get("name", ""), inputs, outputs)

    @property
    def signature(self) -> str:
        """As in `transfer(address,uint256)`."""
        return f"{self.name}({','.join(parameter.canonical for parameter in self.inputs)})"

    @cached_property
    def digest(self) -> bytes:
        """32 bytes: an event's topic; a function's or an error's selector is its first 4."""
        return keccak(text=self.signature)

    @property
    def selector(self) -> bytes:
        """4 bytes, of a function or an error."""
        return self.digest[:4]


def encode_values(parameters: Sequence[Parameter], values: Sequence[object]) -> bytes:
    """Encode one value for each parameter.

    Numbers are `int`, bytes of a fixed size have just that size, arrays are sequences, tuples are sequences or mappings
    from exactly the fields' names. Raises `ValueError` for anything else.
    """
    if len(values) != len(parameters):
        raise ValueError(f"{len(values)} values for {len(parameters)} parameters")
    try:
        return encode(
            [parameter.canonical for parameter in parameters],
            [_plain(parameter, value) for parameter, value in zip(parameters, values, strict=True)],
        )
    except (EncodingError, TypeError, OverflowError) as problem:
        raise ValueError(f"cannot be encoded: {problem}") from problem


def decode_values(parameters: Sequence[Parameter], data: bytes) -> tuple[Any, ...]:
    """What `data` says: addresses checksummed, bytes as `bytes`, arrays as tuples, tuples as dicts by field.

    Raises `ValueError` for data that is too short or says what the types do not allow.
    """
    try:
        values: Iterable[Any] = decode([parameter.canonical for parameter in parameters], data)
        return tuple(_shaped(parameter, value) for parameter, value in zip(parameters, values, strict=True))
    except (DecodingError, UnicodeDecodeError, OverflowError) as problem:
        raise ValueError(f"cannot be decoded: {problem}") from problem


def _plain(parameter: Parameter, value: Any) -> Any:
    """Mappings become tuples, in the fields' order."""
    element = parameter.element
    if element is not None:
        return [_plain(element, item) for item in value]
    if parameter.type != "tuple":
        size = parameter.type.removeprefix("bytes")
        if size.isdecimal() and isinstance(value, bytes) and len(value) != int(size):
            # The library would fill it up with zeros.
            raise ValueError(f"{parameter.name} has {len(value)} bytes, not {size}")
        return value
    if isinstance(value, Mapping):
        names = [field.name for field in parameter.components]
        if set(value) != set(names):
            raise ValueError(f"{parameter.name} has the fields {sorted(names)}, not {sorted(value)}")
        value = [value[name] for name in names]
    if len(value) != len(parameter.components):
        raise ValueError(f"{parameter.name} has {len(parameter.components)} fields, not {len(value)}")
    return tuple(_plain(field, item) for field, item in zip(parameter.components, value, strict=True))


def _shaped(parameter: Parameter, value: Any) -> Any:
    element = parameter.element
    if element is not None:
        return tuple(_shaped(element, item) for item in value)
    if parameter.type == "tuple":
        fields = zip(parameter.components, value, strict=True)
        return {field.name: _shaped(field, item) for field, item in fields}
    return to_checksum_address(value) if parameter.type == "address" else value
