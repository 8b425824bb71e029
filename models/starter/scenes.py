"""A scene: one picture in words, and the many ways to ask for it."""

import random
import re
from dataclasses import dataclass

from models.starter.lexicon import entries, with_article

TOLD = 72
"""Characters of a scene that its copy says again: what is behind them is left out, part by part."""

_LITTLE = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "the", "to", "with"))


@dataclass(frozen=True)
class Scene:
    """One picture in words. Empty parts are not mentioned."""

    noun: str
    colour: str = ""
    """Or another word before the noun: `sleepy`."""
    size: str = ""
    after: tuple[str, ...] = ()
    """What follows the noun, part by part: `surfing a huge wave`, `under a pink sky`, `with a white moon and trees`."""
    where: str = ""
    """The part of `after` that is a place or a time, if one is."""
    style: str = ""
    determiner: str = "a"
    """`a` stands for `an` too. Several, and what cannot be counted, may have none."""

    @property
    def subject(self) -> str:
        """`red star`."""
        return f"{self.colour} {self.noun}".strip()

    @property
    def one(self) -> str:
        """The subject with its determiner: `a red star`, `two red stars`."""
        return self._determined(self.subject)

    @property
    def head(self) -> str:
        """`a small red star`."""
        return self._determined(f"{self.size} {self.subject}".strip())

    @property
    def whole(self) -> str:
        """All of it: `a small red star on a blue background`, `purple hills under a pink sky with a white moon`."""
        return " ".join((self.head, *self.after))

    @property
    def told(self) -> str:
        """As much of the whole as copy has room for."""
        told = self.head
        for part in self.after:
            if len(told) + len(part) >= TOLD:
                break
            told = f"{told} {part}"
        return told

    def prompt(self, rng: random.Random) -> str:
        """One of the ways to ask for this scene; the first is the image models' own caption."""
        style = f", {self.style} style" if self.style else ""
        bare = _without_article(self.whole)
        ways = (
            f"{self.whole}{style}",
            f"{self.whole}{style}",
            f"{bare}{style}",
            f"{bare}, {self.style}" if self.style else bare,
            f"{self.whole}, {self.style}" if self.style else self.whole,
            f"{self.style} of {self.whole}" if self.style else self.whole,
            f"{with_article(self.style)} of {self.whole}" if self.style else bare,
            f"{self.whole} in {self.style} style" if self.style else self.whole,
            f"{self.whole} in the style of {self.style}" if self.style else self.whole,
            f"{rng.choice(entries('openers'))} {self.whole}{style}",
            f"{rng.choice(entries('openers'))} {self.whole}{style}",
            f"{', '.join(_without_article(part) for part in self._listed())}{style}",
        )
        return _dressed(rng.choice(ways), rng)

    def _determined(self, phrase: str) -> str:
        return with_article(phrase) if self.determiner == "a" else f"{self.determiner} {phrase}".strip()

    def _listed(self) -> tuple[str, ...]:
        """What a bare list of the scene names: `purple hills`, `pink sky`, `white moon`."""
        return (self.head, *(re.sub(r"^(under|on|with) ", "", part) for part in self.after))


def joined(parts: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def capitalised(phrase: str) -> str:
    """As in a title: little words keep their letter unless they come first, and what stands inside a word stays."""
    first, *others = phrase.split(" ")
    return " ".join((_capital(first), *(word if word in _LITTLE else _capital(word) for word in others)))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _without_article(phrase: str) -> str:
    return phrase.removeprefix("a ").removeprefix("an ")


def _dressed(asked: str, rng: random.Random) -> str:
    """As people type it: with something that is not about the picture, a capital or a full stop."""
    if rng.random() < 0.15:
        asked = f"{asked}, {', '.join(rng.sample(entries('extras'), rng.choice((1, 1, 2))))}"
    if rng.random() < 0.5:  # people write "a orange" too
        asked = re.sub(r"\ban (?=orange)", "a ", asked)
    if rng.random() < 0.03:
        return capitalised(asked)
    first = _capital(asked)
    return rng.choice((asked, asked, asked, asked, first, first, f"{asked}.", f"{first}!"))
