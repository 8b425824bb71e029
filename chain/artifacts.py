"""What the compiler made of our contracts: the files of `contracts/artifacts`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from chain.abi import Entry, EntryKind

FOLDER = Path(__file__).parent / "contracts" / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    source: str
    """Path of its source in the contracts' project."""
    abi: tuple[Mapping[str, Any], ...]
    """As the compiler writes it."""
    bytecode: bytes
    """What creates it, without the constructor's arguments."""
    metadata: Mapping[str, Any]
    """The compiler's own: version, settings and the digests of all sources."""

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The ABI, parsed."""
        return tuple(Entry.of(item) for item in self.abi)

    def named(self, kind: EntryKind, name: str) -> tuple[Entry, ...]:
        """All of that name; more than one if it is overloaded."""
        return tuple(entry for entry in self.entries if entry.kind == kind and entry.name == name)

    def of_kind(self, kind: EntryKind) -> tuple[Entry, ...]:
        """All of that kind."""
        return tuple(entry for entry in self.entries if entry.kind == kind)


@cache
def load_artifact(name: str) -> Artifact:
    """The contract of that name. Raises `ValueError` if we have none."""
    if name not in artifact_names():
        raise ValueError(f"there is no contract {name!r}; known: {', '.join(artifact_names())}")
    item = json.loads((FOLDER / f"{name}.json").read_text())
    return Artifact(
        name=item["contractName"],
        source=item["sourceName"],
        abi=tuple(item["abi"]),
        bytecode=bytes.fromhex(item["bytecode"].removeprefix("0x")),
        metadata=item["metadata"],
    )


@cache
def artifact_names() -> tuple[str, ...]:
    """Of all our contracts, sorted."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.json")))
