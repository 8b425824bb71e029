"""Scenes: what the starter copy model's pictures may show, in words, and the many ways to ask for them."""

import random
import re
from dataclasses import dataclass

from models.starter.emblems import COLOURS, SHAPES, STYLES


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PLACES = _words(
    """
    mountain lake sea forest desert river city lighthouse sailboat island village bridge garden valley beach
    waterfall meadow harbour cliff volcano castle road field canyon glacier windmill cottage temple tower bay
    mountains waves hills clouds dunes islands rooftops
    """
)
THINGS = _words(
    """
    cat fox owl whale horse rose tree teapot robot dragon balloon lantern bicycle train guitar clock bear rabbit
    bird butterfly fish turtle lion wolf deer elephant penguin flower tulip sunflower cactus mushroom leaf apple
    lemon cake cup chair door key book boat car rocket planet comet crown feather shell umbrella kite piano violin
    camera candle heart arrow spiral hexagon wave cloud mask mirror statue astronaut dancer sailor knight wizard
    """
)
SKY = ("dawn", "sunrise", "noon", "sunset", "dusk", "night", "midnight")
WEATHER = ("in the rain", "in the snow", "in the fog", "in a storm", "in spring", "in summer", "in autumn", "in winter")
LOOKS = (
    "watercolour",
    "oil painting",
    "poster",
    "woodcut",
    "photo",
    "sketch",
    "postcard",
    "mosaic",
    "cartoon",
    "retro",
)
SIZES = ("small", "large", "tiny", "huge", "tall", "little", "big")
MATERIALS = (
    "golden",
    "silver",
    "wooden",
    "glass",
    "paper",
    "stone",
    "old",
    "quiet",
    "lonely",
    "bright",
    "dark",
    "happy",
)
KEYWORDS = _words(
    """
    festival summer winter music night sale launch travel coffee ocean dream energy calm family kids school team
    space nature holiday birthday wedding market museum gallery jazz garden fashion sport yoga health tea bakery
    bread cinema theatre poetry books history science garage vintage modern minimal luxury eco green local fresh
    organic handmade limited edition new classic heritage adventure journey freedom hope love joy peace light
    magic wonder future city street weekend morning evening party dance art design craft studio print poster card
    gift charity community club gaming crypto nft collectors exhibition opening autumn spring ocean river mountain
    sunrise moonlight rain snow fire
    """
)


@dataclass(frozen=True)
class Scene:
    """One picture in words. Empty parts are not mentioned."""

    noun: str
    colour: str = ""
    size: str = ""
    where: str = ""
    """With its preposition: `on a blue background`, `under a pink sky`, `at dawn`."""
    style: str = ""

    @property
    def subject(self) -> str:
        """`red star`."""
        return f"{self.colour} {self.noun}".strip()

    @property
    def whole(self) -> str:
        """`a small red star on a blue background`."""
        phrase = f"{self.size} {self.subject}".strip()
        return f"{phrase if _is_plural(self.noun) else _with_article(phrase)} {self.where}".strip()

    def prompt(self, rng: random.Random) -> str:
        """One of the ways to ask for this scene; the first is the image models' own caption."""
        style = f", {self.style} style" if self.style else ""
        bare = self.whole.removeprefix("a ").removeprefix("an ")
        ways = (
            f"{self.whole}{style}",
            f"{self.whole}{style}",
            f"{bare}{style}",
            f"{bare}, {self.style}" if self.style else bare,
            f"{self.style} of {self.whole}" if self.style in LOOKS else f"{self.whole}{style}",
            f"please draw {self.whole}{style}",
            f"a picture of {self.whole}{style}",
            f"I want {self.whole}{style}",
        )
        chosen = rng.choice(ways)
        if rng.random() < 0.5:  # the emblems' captions say "a orange", and so do people
            chosen = re.sub(r"\ban (?=orange)", "a ", chosen)
        return rng.choice((chosen, chosen, chosen, chosen[0].upper() + chosen[1:], chosen + "."))


def random_scene(rng: random.Random) -> Scene:
    """Half emblems, the rest postcards and single things."""
    kind = rng.random()
    if kind < 0.5:
        return _emblem(rng)
    colours = list(COLOURS)
    if kind < 0.75:
        where = rng.choice(
            (f"at {rng.choice(SKY)}", f"under {_with_article(rng.choice(colours))} sky", rng.choice(WEATHER))
        )
        colour = rng.choice((rng.choice(colours), rng.choice(MATERIALS), ""))
        return Scene(rng.choice(PLACES), colour, "", where, rng.choice(("", rng.choice(LOOKS))))
    place = f"{rng.choice(('by', 'near', 'above', 'in'))} the {rng.choice(PLACES)}"
    where = rng.choice((place, f"on {_with_article(rng.choice(colours))} background", f"at {rng.choice(SKY)}", ""))
    colour = rng.choice((rng.choice(colours), rng.choice(colours), rng.choice(MATERIALS), ""))
    size = rng.choice(("", "", rng.choice(SIZES)))
    return Scene(rng.choice(THINGS), colour, size, where, rng.choice(("", rng.choice(LOOKS), rng.choice(STYLES))))


def _emblem(rng: random.Random) -> Scene:
    colour, background = rng.sample(list(COLOURS), 2)
    return Scene(
        noun=rng.choice(SHAPES),
        colour=rng.choice((colour, colour, colour, "")),
        size=rng.choice(("", "small", "large")),
        where=rng.choice((f"on {_with_article(background)} background",) * 4 + ("",)),
        style=rng.choice((*STYLES, "")),
    )


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and noun not in ("cactus", "glass", "cross", "compass")
