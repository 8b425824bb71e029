"""One contract on a chain: what to send it, and what its answers and events say. Asks no node itself."""

from typing import Any

from chain.abi import Entry, decode_values, encode_values
from chain.artifacts import load_artifact
from chain.node import Log
from gitex.errors import Unavailable


class Contract:
    """A contract of ours by its artifact's name. Functions are named as in the source; an overloaded one that has a
    sibling with as many arguments by its whole signature, as in `hashProposal(address[],uint256[])`.
    """

    def __init__(self, name: str, address: str) -> None:
        """Raises `ValueError` if there is no such artifact."""
        self._artifact = load_artifact(name)
        self.name = name
        self.address = address

    def __repr__(self) -> str:
        return f"Contract({self.name!r}, {self.address!r})"

    def encode(self, function: str, *args: object) -> bytes:
        """The call's data. Values as in `chain.abi.encode_values`.

        Raises `ValueError` for values that do not fit, and for no such function.
        """
        entry = self._function(function, len(args))
        try:
            return entry.selector + encode_values(entry.inputs, args)
        except ValueError as problem:
            raise ValueError(f"{self.name}.{entry.signature}: {problem}") from problem

    def decode(self, function: str, data: bytes) -> tuple[Any, ...]:
        """What the function answered, always a tuple. Structs are dicts by field, addresses checksummed.

        Raises `Unavailable` if that is no answer of it: where the contract should be there is none, or another one.
        """
        entry = self._function(function)
        try:
            return decode_values(entry.outputs, data)
        except ValueError as problem:
            what = "another contract" if data else "no contract"
            raise Unavailable(f"there is {what} at {self.address}, and not {self.name}: {problem}") from problem

    def topic(self, event: str) -> str:
        """The event's first topic, 0x…, as in `Node.logs` and `Log.topics`. Raises `ValueError` for no such event."""
        return _hex(self._event(event).digest)

    def event(self, log: Log) -> dict[str, Any] | None:
        """The event's values by name; None if it is of another contract, or no event that we know.

        Of an indexed string, bytes or array a log has no more than the hash: those are 32 bytes.
        Which event it is: compare `log.topics[0]` with `topic(...)`.
        """
        if log.address.lower() != self.address.lower() or not log.topics:
            return None
        entry = self._by_topic(log.topics[0])
        if entry is None:
            return None
        indexed = [parameter for parameter in entry.inputs if parameter.indexed]
        plain = [parameter for parameter in entry.inputs if not parameter.indexed]
        try:
            values = dict(zip((p.name for p in plain), decode_values(plain, log.data), strict=True))
            for parameter, topic in zip(indexed, log.topics[1:], strict=True):
                word = bytes.fromhex(topic.removeprefix("0x"))
                values[parameter.name] = word if _is_hashed(parameter.type) else decode_values([parameter], word)[0]
        except ValueError:  # other topics or other data than this event has
            return None
        return {parameter.name: values[parameter.name] for parameter in entry.inputs}

    def _function(self, name: str, arguments: int | None = None) -> Entry:
        found = self._artifact.named("function", name.partition("(")[0])
        if "(" in name:
            found = tuple(entry for entry in found if entry.signature == name)
        if len(found) > 1 and arguments is not None:
            found = tuple(entry for entry in found if len(entry.inputs) == arguments)
        alike = arguments is None and len({entry.outputs for entry in found}) == 1  # are decoded alike
        if not found or (len(found) > 1 and not alike):
            raise ValueError(f"{self.name} has {len(found)} functions {name}")
        return found[0]

    def _event(self, name: str) -> Entry:
        found = self._artifact.named("event", name)
        if len(found) != 1:
            raise ValueError(f"{self.name} has {len(found)} events {name}")
        return found[0]

    def _by_topic(self, topic: str) -> Entry | None:
        return next((e for e in self._artifact.of_kind("event") if _hex(e.digest) == topic.lower()), None)


def creation_code(name: str, *args: object) -> bytes:
    """What creates the contract of that artifact: its bytecode and the constructor's arguments.

    Raises `ValueError` for arguments that the constructor does not take.
    """
    artifact = load_artifact(name)
    constructor = next(iter(artifact.of_kind("constructor")), Entry("constructor", "", ()))
    try:
        return artifact.bytecode + encode_values(constructor.inputs, args)
    except ValueError as problem:
        raise ValueError(f"constructor of {name}: {problem}") from problem


def _is_hashed(kind: str) -> bool:
    return kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
