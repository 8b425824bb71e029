"""The typed slots of a prompt template: what may stand in one, and how it is written into the prompt."""

import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Literal

from gitex.errors import InvalidInput

MAX_OPTIONS = 200
MAX_OPTION_CHARS = 200
MAX_TEXT_CHARS = 1000
MAX_INTEGER = 10**9
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"
_SHOWN_OPTIONS = 20
# Control characters, halves of surrogate pairs, line and paragraph separators: none is part of a prompt's one line.
_REFUSED = {"Cc", "Cs", "Zl", "Zp"}

Value = str | int


def is_slot_name(name: object) -> bool:
    """Whether a slot may be called so."""
    # fullmatch: `$` would let a line feed at the end pass.
    return isinstance(name, str) and re.fullmatch(NAME_PATTERN, name) is not None


def fault_of(text: object, longest: int) -> str | None:
    """Why `text` cannot become a part of a prompt; None if it can."""
    if not isinstance(text, str):
        return "must be text"
    if not text.strip():
        return "is empty"
    if len(text) > longest:
        return f"has {len(text)} characters; at most {longest} are taken"
    if any(unicodedata.category(character) in _REFUSED for character in text):
        return "has a control character or a line break"
    return None


def fault_of_part(text: object, longest: int) -> str | None:
    """As `fault_of`, for what is put into a template: no braces, so that it never reads as a slot."""
    if fault := fault_of(text, longest):
        return fault
    return "has a brace" if isinstance(text, str) and set(text) & set("{}") else None


@dataclass(frozen=True)
class ChoiceSlot:
    """One of some words. Raises `InvalidInput` for options that cannot be used or stand there twice."""

    name: str
    options: tuple[str, ...]
    type: ClassVar[Literal["choice"]] = "choice"

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not isinstance(self.options, tuple) or not 1 <= len(self.options) <= MAX_OPTIONS:
            raise _bad_slot(self.name, f"needs 1 to {MAX_OPTIONS} options")
        seen = set[str]()
        for option in self.options:
            if fault := fault_of_part(option, MAX_OPTION_CHARS):
                raise _bad_slot(self.name, f"its option {_shown(option)} {fault}")
            if option in seen:
                raise _bad_slot(self.name, f"has the option {_shown(option)} twice")
            seen.add(option)

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.options)

    def value(self, index: int) -> Value:
        """The value number `index`, counted from 0."""
        return self.options[index]

    def written(self, value: object) -> str:
        """`value` as it stands in the prompt. Raises `InvalidInput`."""
        if not isinstance(value, str) or value not in self.options:
            more = ", ..." if len(self.options) > _SHOWN_OPTIONS else ""
            raise bad_value(self.name, f"must be one of {', '.join(self.options[:_SHOWN_OPTIONS])}{more}")
        return value


@dataclass(frozen=True)
class IntegerSlot:
    """A whole number from `minimum` to `maximum`, both included. Raises `InvalidInput` for a range that is none."""

    name: str
    minimum: int
    maximum: int
    type: ClassVar[Literal["integer"]] = "integer"

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not (_is_integer(self.minimum) and _is_integer(self.maximum)):
            raise _bad_slot(self.name, "minimum and maximum must be whole numbers")
        if not -MAX_INTEGER <= self.minimum <= self.maximum <= MAX_INTEGER:
            raise _bad_slot(self.name, f"minimum must not be over maximum, and both within ±{MAX_INTEGER}")

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.maximum - self.minimum + 1

    def value(self, index: int) -> Value:
        """The value number `index`, counted from 0."""
        return self.minimum + index

    def written(self, value: object) -> str:
        """`value` as it stands in the prompt. Raises `InvalidInput`."""
        if not isinstance(value, int) or not _is_integer(value) or not self.minimum <= value <= self.maximum:
            raise bad_value(self.name, f"must be a whole number from {self.minimum} to {self.maximum}")
        return str(value)


@dataclass(frozen=True)
class TextSlot:
    """Free words in one line, at most `max_length` characters. Raises `InvalidInput` for a length out of range."""

    name: str
    max_length: int
    type: ClassVar[Literal["text"]] = "text"

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not _is_integer(self.max_length) or not 1 <= self.max_length <= MAX_TEXT_CHARS:
            raise _bad_slot(self.name, f"max_length must be 1 to {MAX_TEXT_CHARS}")

    def written(self, value: object) -> str:
        """`value` as it stands in the prompt. Raises `InvalidInput`."""
        if fault := fault_of_part(value, self.max_length):
            raise bad_value(self.name, fault)
        return str(value)


Slot = ChoiceSlot | IntegerSlot | TextSlot


def bad_value(name: str, why: str) -> InvalidInput:
    """The refusal of what a caller gave for slot `name`."""
    return InvalidInput(f"values.{name}: {why}", param=f"values.{name}")


def _bad_slot(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"slots: {name}: {why}", param="slots")


def _check_name(name: object) -> None:
    if not is_slot_name(name):
        raise InvalidInput(
            f"slots: {_shown(name)} is not a slot's name: a small letter, then up to 31 small letters, digits or _",
            param="slots",
        )


def _is_integer(value: object) -> bool:
    # True and False are numbers to Python, and to nobody else.
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """As a message may carry it: short, and ASCII where it would not print."""
    text = value if isinstance(value, str) else repr(value)
    return repr(text[:40]) if text[:40].isprintable() else ascii(text[:40])
