"""Scenes: what the starter copy model's pictures may show, in words, and the many ways to ask for them.

The words go further than what the starter image models draw, and some are made up: the model learns to take a
prompt's words over, not only to recall its own.
"""

import random
import re
from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLOURS = _words(
    """
    red green blue yellow purple orange pink white black teal grey brown golden silver turquoise crimson violet navy
    """
)
SHAPES = _words("circle square triangle star ring cross diamond moon heart hexagon arrow spiral")
PLACES = _words(
    """
    mountain lake sea forest desert river city lighthouse sailboat island village bridge garden valley beach
    waterfall meadow harbour cliff volcano castle road field canyon glacier windmill cottage temple tower bay
    mountains hills waves clouds dunes islands rooftops trees fields
    """
)
THINGS = _words(
    """
    cat fox owl whale horse rose tree teapot robot dragon balloon lantern bicycle train guitar clock bear rabbit
    bird butterfly fish turtle lion wolf deer elephant penguin flower tulip sunflower cactus mushroom leaf apple
    lemon cake cup chair door key book boat car rocket planet comet crown feather shell umbrella kite piano violin
    camera candle wave cloud mask mirror statue astronaut dancer sailor knight wizard dog bee snail tiger frog mouse
    foxes cats birds roses ships balloons horses flowers kites lanterns
    """
)
MATERIALS = _words(
    "wooden glass paper stone old quiet lonely bright dark happy sleepy tiny giant ancient gentle wild snowy"
)
STYLES = _words(
    """
    flat outline gradient pixel dotted watercolour poster woodcut photo sketch postcard mosaic cartoon retro night
    """
)
SIZES = ("small", "large", "tiny", "huge", "tall", "little", "big")
SKY = ("at dawn", "at sunrise", "at noon", "at sunset", "at dusk", "at night", "at midnight")
WEATHER = ("in the rain", "in the snow", "in the fog", "in a storm", "in spring", "in summer", "in autumn", "in winter")
DOING = _words("asleep dancing reading sitting waiting flying running singing resting dreaming playing hiding standing")
SPOTS = _words(
    """
    sofa table window roof hill bridge beach garden street train library kitchen market moon island boat tower
    """
)
CLOTHES = ("hat", "scarf", "coat", "crown", "cape", "jacket")
KEYWORDS = _words(
    """
    festival summer winter music night sale launch travel coffee ocean dream energy calm family kids school team
    space nature holiday birthday wedding market museum gallery jazz garden fashion sport yoga health tea bakery
    bread cinema theatre poetry books history science garage vintage modern minimal luxury eco green local fresh
    organic handmade limited edition new classic heritage adventure journey freedom hope love joy peace light
    magic wonder future city street weekend morning evening party dance art design craft studio print poster card
    gift charity community club gaming crypto nft collectors exhibition opening autumn spring mountain
    sunrise moonlight rain snow fire
    """
)
_ONSETS = _words("b c d f g h j k l m n p r s t v w z br ch cl dr fl gr kn pl sh sl st th tr")
_VOWELS = _words("a e i o u ai ea oo ou")
_CODAS = ("", "", "", *_words("n r s t l m x nd rk st ck"))


@dataclass(frozen=True)
class Scene:
    """One picture in words. Empty parts are not mentioned."""

    noun: str
    colour: str = ""
    """Or another word before the noun: `sleepy`."""
    size: str = ""
    where: str = ""
    """With its preposition: `on a blue background`, `under a pink sky`, `at dawn`, `asleep on a sofa`."""
    style: str = ""
    details: tuple[str, ...] = ()
    """What else is there: `a white moon`, `green trees`."""

    @property
    def subject(self) -> str:
        """`red star`."""
        return f"{self.colour} {self.noun}".strip()

    @property
    def whole(self) -> str:
        """`a small red star on a blue background`, `purple hills under a pink sky with a white moon and trees`."""
        phrase = f"{with_article(f'{self.size} {self.subject}'.strip())} {self.where}".strip()
        return f"{phrase} with {joined(self.details)}" if self.details else phrase

    def prompt(self, rng: random.Random) -> str:
        """One of the ways to ask for this scene; the first is the image models' own caption."""
        style = f", {self.style} style" if self.style else ""
        bare = _without_article(self.whole)
        ways = (
            f"{self.whole}{style}",
            f"{self.whole}{style}",
            f"{bare}{style}",
            f"{bare}, {self.style}" if self.style else bare,
            f"{self.style} of {self.whole}" if self.style else self.whole,
            f"{self.whole} in {self.style} style" if self.style else self.whole,
            f"please draw {self.whole}{style}",
            f"{rng.choice(('a picture of', 'an image of', 'a drawing of', 'I want', 'make me'))} {self.whole}{style}",
            f"{', '.join(_without_article(part) for part in self._parts())}{style}",
        )
        chosen = rng.choice(ways)
        if rng.random() < 0.5:  # people write "a orange" too
            chosen = re.sub(r"\ban (?=orange)", "a ", chosen)
        return rng.choice((chosen, chosen, chosen, chosen[0].upper() + chosen[1:], chosen + "."))

    def _parts(self) -> tuple[str, ...]:
        """What a bare list of the scene names: `pink sky`, `purple hills`, `white moon`."""
        where = re.sub(r"^(under|on) ", "", self.where)
        return tuple(part for part in (f"{self.size} {self.subject}".strip(), where, *self.details) if part)


def random_scene(rng: random.Random) -> Scene:
    """A third emblems, a third postcards, the rest things and little stories."""
    kind = rng.random()
    if kind < 0.35:
        return _emblem(rng)
    if kind < 0.65:
        return _postcard(rng)
    return _thing(rng) if kind < 0.85 else _story(rng)


def made_up_word(rng: random.Random) -> str:
    """A word that no vocabulary has, one to three syllables."""
    syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2, 3))))
    return "".join(syllables) + rng.choice(_CODAS)


def _emblem(rng: random.Random) -> Scene:
    colour, background = rng.sample(COLOURS, 2)
    return Scene(
        noun=_noun(rng, SHAPES, 0.05),
        colour=rng.choice((colour, colour, colour, "")),
        size=rng.choice(("", "small", "large")),
        where=rng.choice((f"on {with_article(background)} background",) * 4 + ("",)),
        style=rng.choice((*STYLES, "")),
    )


def _postcard(rng: random.Random) -> Scene:
    sky, colour, moon, trees = rng.sample(COLOURS, 4)
    things = [f"a {moon} {rng.choice(('sun', 'moon'))}", f"{trees} trees", "stars", "a sea", f"{trees} hills", "clouds"]
    details = rng.sample(things, rng.choice((0, 0, 1, 2)))
    return Scene(
        noun=_noun(rng, PLACES, 0.1),
        colour=rng.choice((colour, colour, rng.choice(MATERIALS), "")),
        where=rng.choice((f"under {with_article(sky)} sky",) * 2 + (rng.choice(SKY), rng.choice(WEATHER))),
        style=rng.choice(("", rng.choice(STYLES))),
        details=tuple(with_article(d.removeprefix("a ")) if d.startswith("a ") else d for d in details),
    )


def _thing(rng: random.Random) -> Scene:
    place = f"{rng.choice(('by', 'near', 'above', 'in'))} the {_noun(rng, PLACES, 0.1)}"
    background = f"on {with_article(rng.choice(COLOURS))} background"
    return Scene(
        noun=_noun(rng, THINGS, 0.25),
        colour=rng.choice((rng.choice(COLOURS), rng.choice(MATERIALS), "")),
        size=rng.choice(("", "", rng.choice(SIZES))),
        where=rng.choice((place, background, rng.choice(SKY), "")),
        style=rng.choice(("", rng.choice(STYLES))),
    )


def _story(rng: random.Random) -> Scene:
    other = f"{rng.choice((*COLOURS, *MATERIALS))} {_noun(rng, THINGS, 0.25)}"
    clothes = f"{rng.choice(COLOURS)} {_noun(rng, CLOTHES, 0.1)}"
    spot = f"{rng.choice(('on', 'in', 'near', 'under'))} {with_article(_noun(rng, SPOTS, 0.2))}"
    where = rng.choice(
        (
            f"{rng.choice(DOING)} {spot}",
            f"{rng.choice(DOING)} {rng.choice((*WEATHER, *SKY))}",
            f"wearing {with_article(clothes)}",
            f"holding {with_article(other)}",
            f"and {with_article(other)}",
            spot,
        )
    )
    colour = rng.choice((rng.choice(COLOURS), rng.choice(MATERIALS), made_up_word(rng), ""))
    return Scene(_noun(rng, THINGS, 0.3), colour, "", where, rng.choice(("", "", rng.choice(STYLES))))


def _noun(rng: random.Random, known: tuple[str, ...], made_up: float) -> str:
    return made_up_word(rng) if rng.random() < made_up else rng.choice(known)


def with_article(phrase: str) -> str:
    """`a red star`, `an owl`, and plurals as they are."""
    if _is_plural(phrase.rsplit(maxsplit=1)[-1]):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def joined(parts: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _without_article(phrase: str) -> str:
    return phrase.removeprefix("a ").removeprefix("an ")


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and noun not in ("cactus", "glass", "cross", "compass")
