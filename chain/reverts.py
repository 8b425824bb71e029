"""Why a contract refused a call, in words a person understands."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from eth_utils.crypto import keccak

from chain.abi import Entry, Parameter, decode_values
from chain.artifacts import artifact_names, load_artifact
from chain.revert_words import PANICS, PROPOSAL_STATES, WORDS
from gitex.errors import Reverted

LONGEST_REASON = 300
"""Characters of somebody's own words that are repeated: the recipient of a token may be anybody's contract."""
_ERROR, _PANIC = keccak(text="Error(string)")[:4], keccak(text="Panic(uint256)")[:4]


def explained(data: bytes) -> Reverted:
    """What revert data says. `error` is the name of our (or OpenZeppelin's) custom error; empty for anything else."""
    selector, rest = data[:4], data[4:]
    if not data:
        return Reverted("the contract refuses the call and gives no reason")
    try:
        if selector == _ERROR:
            return Reverted(f"the contract refuses the call: {_repeated(decode_values([_STRING], rest)[0])}")
        if selector == _PANIC:
            code = decode_values([_NUMBER], rest)[0]
            return Reverted(f"the contract has a fault: {PANICS.get(code, 'panic')} (0x{code:02x})", error="Panic")
        entry = _errors().get(selector)
        if entry is not None:
            return _custom(entry, decode_values(entry.inputs, rest))
    except ValueError:  # not what its first bytes promise
        pass
    return Reverted(f"the contract refuses the call with data that we do not know: {_shortened(data)}")


class _Number(int):
    """An argument that a sentence may write as what it counts: see `chain.revert_words`."""

    def __format__(self, unit: str) -> str:
        match unit:
            case "gtx" | "wei":
                return _scaled(self, 18)
            case "time":
                return _moment(self)
            case "release":
                return f"it cools down until {_moment(self)}" if self else "nothing cools down"
            case "%":
                return f"{_scaled(self, 2)} %"
            case "proposal":
                return PROPOSAL_STATES[self] if self < len(PROPOSAL_STATES) else str(int(self))
            case _:
                return str(int(self))


def _custom(entry: Entry, values: tuple[Any, ...]) -> Reverted:
    arguments = {p.name: _shown(p, value) for p, value in zip(entry.inputs, values, strict=True)}
    words = WORDS.get(entry.name)
    if words is None:
        listed = ", ".join(f"{name}={value}" for name, value in arguments.items())
        words, arguments = "the contract refuses the call: {listed}", {"listed": f"{entry.name}({listed})"}
    return Reverted(words.format_map(arguments), error=entry.name)


def _shown(parameter: Parameter, value: Any) -> "str | _Number":
    if parameter.name == "neededRole":
        return _roles().get(value, f"0x{value.hex()}")
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, int) and not isinstance(value, bool):
        return _Number(value)
    return _repeated(str(value))


def _scaled(number: int, digits: int) -> str:
    whole, rest = divmod(number, 10**digits)
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):  # later than calendars go
        return f"second {int(seconds)}"


def _repeated(text: str) -> str:
    """Somebody else's words: on one line, and not too many."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return printable if len(printable) <= LONGEST_REASON else printable[:LONGEST_REASON] + "…"


def _shortened(data: bytes) -> str:
    return f"0x{data.hex()}" if len(data) <= 36 else f"0x{data[:36].hex()}… ({len(data)} bytes)"


_STRING, _NUMBER = Parameter("reason", "string"), Parameter("code", "uint256")


@cache
def _errors() -> Mapping[bytes, Entry]:
    """The custom errors of all our contracts, by selector; OpenZeppelin's are among them."""
    found = (entry for name in artifact_names() for entry in load_artifact(name).of_kind("error"))
    return {entry.selector: entry for entry in found}


@cache
def _roles() -> Mapping[bytes, str]:
    names = ("MINTER_ROLE", "PAUSER_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")
    return {keccak(text=name): name for name in names} | {bytes(32): "DEFAULT_ADMIN_ROLE"}
