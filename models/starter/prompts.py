"""What a person may type for a picture: synonyms, loose word order, things left unsaid.

`prompt(picture, rng)` is drawn anew each time a picture is seen in training, so the text encoder learns the words and
not the sentences. What is left unsaid has one meaning: flat style, middle size, and the usual colours of `postcards`.
"""

import random
from collections.abc import Sequence

from models.starter.emblems import Emblem
from models.starter.pictures import Picture
from models.starter.postcards import USUAL, Postcard

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("crimson", "scarlet", "ruby"),
    "green": ("emerald", "bright green"),
    "blue": ("azure", "cobalt", "navy", "royal blue"),
    "yellow": ("golden", "gold", "lemon"),
    "purple": ("violet", "lilac"),
    "orange": ("amber", "tangerine"),
    "pink": ("rose", "rosy"),
    "white": ("snow-white", "ivory"),
    "black": ("jet-black", "ebony"),
    "teal": ("turquoise", "cyan"),
}
SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("disc", "disk", "ball", "round shape"),
    "square": ("box", "block"),
    "triangle": ("pyramid", "three-sided shape"),
    "star": ("five-pointed star", "starlet"),
    "ring": ("hoop", "donut", "band"),
    "cross": ("plus", "plus sign"),
    "diamond": ("rhombus", "lozenge"),
    "moon": ("crescent", "crescent moon", "half moon"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "tiny", "little"),
    "": ("", "", "", "medium"),
    "large": ("large", "big", "huge", "giant"),
}
STYLE_ADJECTIVES: dict[str, tuple[str, ...]] = {
    "flat": ("", "", "flat", "plain", "solid"),
    "outline": ("outlined", "outline", "hollow"),
    "gradient": ("gradient", "shaded"),
    "pixel": ("pixel", "pixelated", "blocky", "8-bit"),
    "dotted": ("dotted", "halftone"),
}
STYLE_PHRASES: dict[str, tuple[str, ...]] = {
    "flat": ("", "", "flat style", "in a flat style", "flat", "simple and flat"),
    "outline": ("outline style", "as an outline", "line art", "in outline", "only the outline"),
    "gradient": ("gradient style", "with a gradient", "gradient", "in gradient style", "softly shaded"),
    "pixel": ("pixel style", "pixel art", "pixel art style", "8-bit style", "as pixel art", "in pixels"),
    "dotted": ("dotted style", "made of dots", "in dots", "halftone style", "dotted"),
    "watercolour": ("watercolour style", "watercolor", "watercolour", "in watercolours", "painted in watercolour"),
    "night": ("night style", "at night", "by night", "night", "night scene", "in the night"),
}
EMBLEM_OPENINGS = ("an emblem of", "a logo with", "an icon of", "a badge showing", "emblem:", "a sign with")
POSTCARD_OPENINGS = ("a postcard of", "a landscape with", "a landscape of", "postcard:", "a view of", "a scene with")
REQUESTS = ("please draw", "draw", "draw me", "i want", "make", "a picture of", "show me", "paint", "i would like")


def prompt(picture: Picture, rng: random.Random) -> str:
    """One way to ask for `picture`; a quarter of the time its plain caption."""
    if rng.random() < 0.25:
        return picture.caption()
    words = _emblem_words(picture, rng) if isinstance(picture, Emblem) else _postcard_words(picture, rng)
    openings = EMBLEM_OPENINGS if isinstance(picture, Emblem) else POSTCARD_OPENINGS
    opening = rng.choices(("", rng.choice(openings), rng.choice(REQUESTS)), (5, 3, 2))[0]
    ending = rng.choices(("", ".", ", please"), (8, 1, 1))[0]
    return f"{opening} {words}{ending}".strip()


def _emblem_words(emblem: Emblem, rng: random.Random) -> str:
    adjective, style = "", rng.choice(STYLE_PHRASES[emblem.style])
    if rng.random() < 0.4:
        adjective, style = rng.choice(STYLE_ADJECTIVES[emblem.style]), ""
    size, colour = rng.choice(SIZE_WORDS[emblem.size]), _colour(emblem.colour, rng)
    shape = rng.choice((emblem.shape, emblem.shape, *SHAPE_WORDS[emblem.shape]))
    ground = _colour(emblem.background, rng)
    described = [word for word in (size, adjective, colour) if word]
    if rng.random() < 0.2:
        rng.shuffle(described)
    thing = _with_article(" ".join([*described, shape]), rng)
    where = rng.choice(
        (
            f"on {_with_article(f'{ground} background', rng)}",
            f"on {ground}",
            f"against {_with_article(f'{ground} backdrop', rng)}",
            f"over {_with_article(f'{ground} background', rng)}",
            f"with {_with_article(f'{ground} background', rng)}",
            f"in front of {_with_article(f'{ground} background', rng)}",
        )
    )
    order = rng.random()
    if order < 0.55:
        return _listed([f"{thing} {where}", style])
    if order < 0.75:
        return _listed([where, thing, style])
    if order < 0.85:
        return _listed([style, f"{thing} {where}"])
    parts = [thing, f"{ground} background", style]
    rng.shuffle(parts)
    return _listed(parts)


def _postcard_words(card: Postcard, rng: random.Random) -> str:
    style = rng.choice(STYLE_PHRASES[card.style])
    sky = _with_article(_named(card.sky, "sky", "sky", rng), rng)
    land = sea = light = ""
    if card.land:
        nouns = ("mountains", "peaks", "mountain range") if card.land == "mountains" else ("hills", "rolling hills")
        land = _named(card.land_colour, card.land, rng.choice((card.land, *nouns)), rng)
    if card.sea:
        sea = _with_article(_named(card.sea, "sea", rng.choice(("sea", "sea", "ocean", "lake", "water")), rng), rng)
    if card.light:
        nouns = ("sun", "sun", "setting sun") if card.light == "sun" else ("moon", "moon", "crescent moon")
        light = _with_article(_named(card.light_colour, card.light, rng.choice(nouns), rng), rng)
    trees = rng.choice(("trees", "fir trees", "pines", "firs", "some trees", "a forest")) if card.trees else ""
    stars = rng.choice(("stars", "stars", "many stars", "twinkling stars")) if card.stars else ""
    if rng.random() < 0.35:
        parts = [part for part in (sky, land, sea, light, trees, stars, style) if part]
        rng.shuffle(parts)
        return _listed(parts)
    ground = f"{land} {rng.choice(('by', 'and', 'above', 'behind'))} {sea}" if land and sea else land or sea
    view = f"{ground} {rng.choice(('under', 'beneath', 'below', 'and'))} {sky}"
    if rng.random() < 0.35:
        view = f"{sky} {rng.choice(('over', 'above', 'and'))} {ground}"
    extras = [extra for extra in (light, stars, trees) if extra]
    rng.shuffle(extras)
    if extras:
        view += rng.choice((" with ", ", ", " and ")) + rng.choice((" and ", ", ")).join(extras)
    return _listed([style, view] if rng.random() < 0.2 else [view, style])


def _colour(name: str, rng: random.Random) -> str:
    return name if rng.random() < 0.75 else rng.choice(COLOUR_WORDS[name])


def _named(colour: str, thing: str, noun: str, rng: random.Random) -> str:
    """The noun with its colour; a usual colour may stay unsaid."""
    if colour == USUAL[thing] and rng.random() < 0.4:
        return noun
    return f"{_colour(colour, rng)} {noun}"


def _with_article(words: str, rng: random.Random) -> str:
    if rng.random() < 0.15:
        return words
    if rng.random() < 0.1:
        return f"the {words}"
    return f"{'an' if words[0] in 'aeio8' else 'a'} {words}"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(part for part in parts if part)
