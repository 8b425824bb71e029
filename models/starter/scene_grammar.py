"""Random scenes: emblems and postcards as the starter image models draw them, and stories as people tell them.

The words go far beyond what those models draw, and some are made up: the copy model learns to take a prompt's words
over, not only to recall its own.
"""

import random
from dataclasses import dataclass
from typing import NamedTuple

from models.starter.lexicon import entries, nouns, with_article
from models.starter.made_up import made_up_doing, made_up_name, made_up_noun, made_up_quality, made_up_word
from models.starter.scenes import Scene, joined


class Phrase(NamedTuple):
    """A noun, perhaps with another before it, and the determiner that it takes by its number."""

    noun: str
    determiner: str


@dataclass(frozen=True)
class Wording:
    """Draws words; a share of them is made up."""

    rng: random.Random
    made_up: float

    def noun(self, *kinds: str) -> Phrase:
        """One, several, or what cannot be counted."""
        several = self.rng.random() < 0.22
        if self._strange():
            return Phrase(made_up_noun(self.rng, several=several), "" if several else "a")
        if self.rng.random() < 0.06:
            return self._gathering()
        noun = self.rng.choice(nouns(*kinds))
        one, many = noun
        if self.rng.random() < 0.06:
            before = made_up_word(self.rng) if self.rng.random() < self.made_up else self.rng.choice(nouns()).one
            one, many = f"{before} {one}", many and f"{before} {many}"
        if not many:
            return Phrase(one, "")
        return Phrase(many, "") if several else Phrase(one, "a")

    def quality(self) -> str:
        """`red`, `wooden`, `sleepy`."""
        if self._strange():
            return made_up_quality(self.rng)
        kinds = ("colours", "colours", "more colours", "materials", "qualities", "qualities", "qualities")
        return self.rng.choice(entries(self.rng.choice(kinds)))

    def doing(self) -> str:
        """`sleeping`, or `stealing a bagel`."""
        if self.rng.random() < 0.3:
            return made_up_doing(self.rng) if self._strange() else self.rng.choice(entries("doing"))
        acting = made_up_doing(self.rng) if self._strange() else self.rng.choice(entries("acting"))
        return f"{acting} {self.thing()}"

    def thing(self) -> str:
        """Another thing of the scene, with its determiner: `a huge wave`, `the moon`, `blue flowers`."""
        noun, determiner = self.noun()
        quality = self.quality() if self.rng.random() < 0.45 else ""
        phrase = f"{quality} {noun}".strip()
        if self.rng.random() < 0.12:
            return f"{self.rng.choice(entries('owners'))} {phrase}"
        if determiner:
            return with_article(phrase)
        return f"{self.rng.choice(entries('counts'))} {phrase}" if self.rng.random() < 0.08 else phrase

    def place(self) -> str:
        """`on a stone bridge`, `in Lisbon`, `under water`."""
        kind = self.rng.random()
        if kind < 0.15:
            return self.rng.choice(entries("settings"))
        if kind < 0.27:
            name = made_up_name(self.rng) if self._strange() else self.rng.choice(entries("names"))
            return f"{self.rng.choice(('in', 'in', 'near', 'over', 'on', 'above'))} {name}"
        between = self.rng.choice(entries("betweens")[: self.rng.choice((6, 30))])
        return f"{between} {self.thing()}"

    def time(self) -> str:
        return self.rng.choice(entries(self.rng.choice(("times", "weather"))))

    def style(self) -> str:
        if self.rng.random() < 0.15 * self.made_up:
            return made_up_word(self.rng)
        return self.rng.choice(entries(self.rng.choice(("styles", "more styles"))))

    def _gathering(self) -> Phrase:
        kept = self.rng.choice(nouns())
        return Phrase(f"{self.rng.choice(entries('gatherings'))} of {kept.many or kept.one}", "a")

    def _strange(self) -> bool:
        return self.rng.random() < self.made_up


def random_scene(rng: random.Random) -> Scene:
    """Some emblems, some postcards, mostly stories."""
    kind = rng.random()
    if kind < 0.18:
        return _emblem(rng)
    return _postcard(rng) if kind < 0.36 else _story(rng)


def _emblem(rng: random.Random) -> Scene:
    colour, background = rng.sample(entries("colours"), 2)
    where = rng.choice((f"on {with_article(background)} background",) * 4 + ("",))
    return Scene(
        noun=made_up_word(rng) if rng.random() < 0.05 else rng.choice(entries("shapes")),
        colour=rng.choice((colour, colour, colour, "")),
        size=rng.choice(("", "small", "large")),
        after=(where,) if where else (),
        where=where,
        style=rng.choice((*entries("styles"), "")),
    )


def _postcard(rng: random.Random) -> Scene:
    sky, colour, moon, trees = rng.sample(entries("colours"), 4)
    disc = with_article(f"{moon} {rng.choice(('sun', 'moon'))}")
    things = (disc, f"{trees} trees", "stars", "a sea", f"{trees} hills", "clouds")
    details = rng.sample(things, rng.choice((0, 0, 1, 2)))
    noun, determiner = Wording(rng, 0.1).noun("nature", "buildings", "places")
    where = rng.choice((f"under {with_article(sky)} sky",) * 2 + (Wording(rng, 0).time(),))
    return Scene(
        noun=noun,
        colour=rng.choice((colour, colour, rng.choice(entries("qualities")), "")),
        after=(where, f"with {joined(tuple(details))}") if details else (where,),
        where=where,
        style=rng.choice(("", rng.choice(entries("styles")))),
        determiner=determiner,
    )


def _story(rng: random.Random) -> Scene:
    """`two cats and a piano`, `an old owl wearing round glasses in the rain`; none, some or most words are made up."""
    words = Wording(rng, rng.choice((0.0, 0.0, 0.0, 0.0, 0.3, 0.3, 0.8)))
    noun, determiner = _heroes(words)
    place, time = words.place(), words.time()
    parts = (
        words.doing() if rng.random() < 0.5 else _company(words) if rng.random() < 0.45 else "",
        place if rng.random() < 0.5 else "",
        time if rng.random() < 0.25 else "",
    )
    where = next((part for part in reversed(parts[1:]) if part), "")
    return Scene(
        noun=noun,
        colour=words.quality() if rng.random() < 0.55 else "",
        size=rng.choice(entries("sizes")) if rng.random() < 0.12 else "",
        after=tuple(part for part in parts if part),
        where=where,
        style=words.style() if rng.random() < 0.4 else "",
        determiner=determiner,
    )


def _heroes(words: Wording) -> Phrase:
    """Who or what the story is about: mostly one, sometimes `two cats`, `my cat`, `the cat`, `my grandmother's cat`."""
    rng, (noun, determiner) = words.rng, words.noun()
    kind = rng.random()
    if kind < 0.05:
        return Phrase(noun, "the")
    if kind < 0.08:
        return Phrase(noun, rng.choice(entries("owners")))
    if kind < 0.11:
        return Phrase(noun, f"{rng.choice(entries('owners'))} {rng.choice(nouns('people')).one}'s")
    if kind < 0.17:
        named = made_up_noun(rng, several=True) if rng.random() < words.made_up else _several(rng)
        return Phrase(named, rng.choice(entries("counts")))
    return Phrase(noun, determiner)


def _several(rng: random.Random) -> str:
    """Several of something that can be counted."""
    noun = rng.choice(nouns())
    return noun.many or _several(rng)


def _company(words: Wording) -> str:
    """What the hero has, wears or is with."""
    rng = words.rng
    if rng.random() < 0.3:
        clothes = f"{words.quality()} {rng.choice(entries('clothes'))}"
        worn = rng.choice((with_article(clothes), f"{words.quality()} {rng.choice(entries('bare clothes'))}"))
        return f"{rng.choice(('wearing', 'in', 'with'))} {worn}"
    things = tuple(words.thing() for _ in range(rng.choice((1, 1, 1, 2))))
    return f"{rng.choice(('with', 'with', 'and'))} {joined(things)}"
