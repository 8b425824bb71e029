"""Prompt templates: a prompt with typed slots, `a {colour} {shape} on a {background} background`."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gitex.errors import InvalidInput
from gitex.slots import ChoiceSlot, IntegerSlot, Slot, TextSlot, Value, bad_value, fault_of, is_slot_name

MAX_TEMPLATE_CHARS = 4000
MAX_SLOTS = 16
MAX_POPULAR = 1000
"""So many renderings of a template are remembered: those that were used last."""
_REFERENCE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class PromptTemplate:
    """A text that names its slots in braces; braces stand for nothing else, so no rendering has one.

    Raises `InvalidInput` naming `text` or `slots`: unbalanced braces, a slot that is not described, described twice,
    or described and not in the text.
    """

    text: str
    slots: tuple[Slot, ...] = ()

    def __post_init__(self) -> None:
        if fault := fault_of(self.text, MAX_TEMPLATE_CHARS):
            raise InvalidInput(f"text: {fault}", param="text")
        if len(self.slots) > MAX_SLOTS:
            raise InvalidInput(f"slots: at most {MAX_SLOTS} are taken", param="slots")
        named, described = self._named(), [slot.name for slot in self.slots]
        for name in described:
            if described.count(name) > 1:
                raise InvalidInput(f"slots: {name} is described twice", param="slots")
            if name not in named:
                raise InvalidInput(f"slots: {name} is not in the text", param="slots")
        for name in named:
            if name not in described:
                raise InvalidInput(f"text: no slot {name} is described", param="text")

    def _named(self) -> list[str]:
        """The slots in the text, in order."""
        *pieces, rest = _REFERENCE.split(self.text)
        literals, names = [*pieces[::2], rest], pieces[1::2]
        if any(brace in literal for literal in literals for brace in "{}"):
            raise InvalidInput("text: its braces are not balanced; a slot is {name}", param="text")
        for name in names:
            if not is_slot_name(name):
                raise InvalidInput(f"text: {{{name}}} is not a slot's name in braces", param="text")
        return names

    def render(self, values: Mapping[str, object]) -> str:
        """The prompt with a value in each slot. Raises `InvalidInput` naming `values.SLOT`."""
        for name in values:
            if all(name != slot.name for slot in self.slots):
                known = ", ".join(slot.name for slot in self.slots) or "none"
                raise InvalidInput(f"values: {str(name)[:40]!a} is not a slot; slots: {known}", param="values")
        written = dict[str, str]()
        for slot in self.slots:
            if slot.name not in values:
                raise bad_value(slot.name, "is missing")
            written[slot.name] = slot.written(values[slot.name])
        # In one pass, so that nothing in a value is ever read as a slot.
        return _REFERENCE.sub(lambda reference: written[reference[1]], self.text)

    @property
    def size(self) -> int | None:
        """How many renderings there are; None if a text slot makes them countless."""
        size = 1
        for slot in self.slots:
            if isinstance(slot, TextSlot):
                return None
            size *= slot.size
        return size

    def combinations(self, bound: int) -> Iterator[dict[str, Value]]:
        """The first `bound` sets of values, the last slot changing fastest; none if there is a text slot.

        Each is made when it is asked for, however many there are.
        """
        for number in range(min(bound, self.size or 0)):
            yield self._combination(number)

    def _combination(self, number: int) -> dict[str, Value]:
        """Digits of `number` in the mixed base of the slots' sizes."""
        values = dict[str, Value]()
        for slot in reversed(self.slots):
            if not isinstance(slot, TextSlot):
                number, digit = divmod(number, slot.size)
                values[slot.name] = slot.value(digit)
        return {slot.name: values[slot.name] for slot in self.slots}


@dataclass(frozen=True)
class StoredTemplate:
    """A template that callers use by its name."""

    id: str
    name: str
    prompt: PromptTemplate
    seed: int
    """Of every request that gives none: the same values give the same spec, so the cache can answer."""
    creator: str
    created_at: datetime
    """Aware, UTC."""


@dataclass(frozen=True)
class TemplatePage:
    """Some templates, newest first."""

    templates: tuple[StoredTemplate, ...]
    next: str = ""
    """What to give as `after` for the page that follows; empty at the end."""


@dataclass(frozen=True)
class Rendering:
    """What a template was asked for. Equal requests have equal renderings."""

    values: str
    """Canonical JSON of an object: value by slot."""
    settings: str = "{}"
    """Canonical JSON of an object: what else the request said that decides the picture."""

    @classmethod
    def of(cls, values: Mapping[str, Value], settings: Mapping[str, Any]) -> "Rendering":
        """The rendering of these values and settings."""
        return cls(canonical(values), canonical(settings))


@dataclass(frozen=True)
class PopularRendering:
    """A rendering, and how often it was asked for."""

    rendering: Rendering
    uses: int


def canonical(fields: Mapping[str, Any]) -> str:
    """JSON with sorted keys and without spaces."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def slots_to_json(slots: tuple[Slot, ...]) -> str:
    """The slots as a JSON list."""
    return json.dumps([{"type": slot.type, **asdict(slot)} for slot in slots])


def slots_from_json(text: str) -> tuple[Slot, ...]:
    """The inverse of `slots_to_json`."""
    return tuple(_slot(fields) for fields in json.loads(text))


def _slot(fields: dict[str, Any]) -> Slot:
    match fields["type"]:
        case "choice":
            return ChoiceSlot(fields["name"], tuple(fields["options"]))
        case "integer":
            return IntegerSlot(fields["name"], fields["minimum"], fields["maximum"])
        case "text":
            return TextSlot(fields["name"], fields["max_length"])
        case other:
            raise ValueError(f"{other!r} is not a type of slot")
