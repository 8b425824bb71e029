"""The words of the starter copy corpus, by kind, and how English bends them. Words: `lexicon.yaml`."""

import functools
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models.starter.phrases import words

_FILE = Path(__file__).with_name("lexicon.yaml")
_AN_BEFORE_H = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
_A_BEFORE_VOWEL = re.compile(r"(?:uni(?![nm])|use|uku|ufo|uto|eu|ew|one\b|once\b)", re.IGNORECASE)
_CONSONANT_Y = re.compile(r"[^aeiou]y$")
_HISSING = re.compile(r"(?:s|x|z|ch|sh)$")


class Noun(NamedTuple):
    """A thing's name. What cannot be counted (`rain`) has no `many`."""

    one: str
    many: str


def kinds() -> tuple[str, ...]:
    """The names of the lexicon's lists; `nouns` has its own."""
    return tuple(_texts())


@functools.cache
def entries(kind: str) -> tuple[str, ...]:
    """The entries of one of the lexicon's lists. Raises `KeyError`."""
    listed: str = _texts()[kind]
    return _split(listed)


@functools.cache
def nouns(*wanted: str) -> tuple[Noun, ...]:
    """The nouns of these kinds, or of all. Raises `KeyError`."""
    listed: dict[str, str] = _texts()["nouns"]
    return tuple(
        Noun(entry, "") if kind == "stuff" else _noun(entry)
        for kind in (wanted or listed)
        for entry in _split(listed[kind])
    )


@functools.cache
def lexicon_words() -> frozenset[str]:
    """Every single word of the lexicon in lower case, nouns in both numbers; without how a request is dressed up."""
    asides = ("nouns", "openers", "extras")
    said = [entry for kind in kinds() if kind not in asides for entry in entries(kind)]
    said += [form for noun in nouns() for form in noun]
    return frozenset(word for entry in said for word in words(entry))


def plural(noun: str) -> str:
    """`foxes`, `berries`, `street lamps`: by rule; the lexicon itself tells those that follow none."""
    if _CONSONANT_Y.search(noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if _HISSING.search(noun) else f"{noun}s"


def with_article(phrase: str) -> str:
    """`a red star`, `an owl`, `a unicorn`, `an hourglass`: by how the first word sounds."""
    vowel = phrase[0].lower() in "aeiou" and not _A_BEFORE_VOWEL.match(phrase)
    return f"{'an' if vowel or _AN_BEFORE_H.match(phrase) else 'a'} {phrase}"


@functools.cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return texts


def _split(listed: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in listed.split(","))


def _noun(entry: str) -> Noun:
    one, _, many = entry.partition("/")
    return Noun(one, many or plural(one))
