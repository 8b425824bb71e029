"""The phrases of the starter copy corpus: how each tone speaks, and the words it is known by. Texts: `phrases.yaml`."""

import functools
import re
import string
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from gitex.copywriting import TONES, Tone

_TEXTS = Path(__file__).with_name("phrases.yaml")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True)
class Voice:
    """How one tone speaks; `tags` are single words, all others phrases with slots."""

    titles: tuple[str, ...]
    taglines: tuple[str, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    keyword_closings: tuple[str, ...]
    tags: tuple[str, ...]

    def words(self) -> set[str]:
        """The voice's own words in lower case, without what fills its slots."""
        return {word for text in self.texts() for word in words(text)}

    def texts(self) -> list[str]:
        """All that the voice says, without what fills its slots."""
        phrases = (*self.titles, *self.taglines, *self.openings, *self.closings, *self.keyword_closings, *self.tags)
        return [_without_slots(phrase) for phrase in phrases]


def _without_slots(phrase: str) -> str:
    return "".join(literal for literal, _, _, _ in string.Formatter().parse(phrase))


def words(text: str) -> list[str]:
    """The words of a text in lower case; a hyphen or an apostrophe inside a word belongs to it."""
    return _WORD.findall(text.lower())


@functools.cache
def voices() -> dict[Tone, Voice]:
    """Every tone's voice."""
    texts = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))
    return {tone: Voice(**{part: tuple(text.splitlines()) for part, text in texts[tone].items()}) for tone in TONES}


@functools.cache
def markers() -> dict[Tone, frozenset[str]]:
    """The words that mark a tone: its voice has them and no other voice has."""
    spoken = {tone: voice.words() for tone, voice in voices().items()}
    speakers = Counter(word for own in spoken.values() for word in own)
    return {tone: frozenset(word for word in own if speakers[word] == 1) for tone, own in spoken.items()}


def tone_of(text: str, ignoring: str = "") -> Tone | None:
    """The tone most of whose marker words `text` has; None without any, or when two tones have as many.

    Words of `ignoring` (the prompt) do not count: they are the caller's own.
    """
    found = set(words(text)) - set(words(ignoring))
    ranked = Counter({tone: len(found & marks) for tone, marks in markers().items()}).most_common()
    (best, most), (_, second) = ranked[0], ranked[1]
    return best if most > second else None
