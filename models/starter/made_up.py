"""Words that no vocabulary has: what teaches the starter copy model to take any word over, letter by letter."""

import functools
import random
import string

from models.starter.lexicon import entries, nouns, plural


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ONSETS = _split("b c d f g h j k l m n p qu r s t v w y z br ch cl cr dr fl gr kn pl sc sh sl st th tr wh")
_VOWELS = _split("a e i o u ai ea ee ie io oo ou y")
_CODAS = ("", "", "", *_split("n r s t l m x nd ng nt rk st ck lt ph"))


def made_up_word(rng: random.Random) -> str:
    """Two real words spliced (`raccoffee`), syllables (`plonea`), sometimes a compound or any letters at all."""
    kind = rng.random()
    if kind < 0.5:
        return _splice(rng)
    if kind < 0.86:
        syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2, 3))))
        return "".join(syllables) + rng.choice(_CODAS)
    if kind < 0.95:
        return rng.choice(("", "-")).join(rng.sample(_real_words(), 2))
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 8)))


def made_up_noun(rng: random.Random, *, several: bool) -> str:
    """One of `plonea`, or several `ploneas`: the number shows in the last letter, as it mostly does in English."""
    one = made_up_word(rng)
    while one.endswith("s") and not one.endswith(("ss", "us", "is")):
        one = made_up_word(rng)
    return plural(one) if several else one


def made_up_quality(rng: random.Random) -> str:
    """A word that looks like an adjective, more or less."""
    return made_up_word(rng) + rng.choice(("", "", "y", "ed", "ing", "ish", "ful", "en"))


def made_up_doing(rng: random.Random) -> str:
    return f"{made_up_word(rng)}ing"


def made_up_name(rng: random.Random) -> str:
    return made_up_word(rng).capitalize()


def _splice(rng: random.Random) -> str:
    head, tail = rng.sample(_real_words(), 2)
    return head[: rng.randint(1, len(head) - 2)] + tail[rng.randint(1, len(tail) - 2) :]


@functools.cache
def _real_words() -> tuple[str, ...]:
    real = [*(noun.one for noun in nouns()), *entries("qualities"), *entries("materials"), *entries("keywords")]
    return tuple(word for word in dict.fromkeys(real) if len(word) > 3 and word.isalpha())
