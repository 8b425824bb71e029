"""Postcards: the landscapes that `starter-diffusion` learns from, next to the emblems.

A picture is fully described by a `Postcard`: `models.starter.landscapes` paints it.
"""

import random
from dataclasses import dataclass

from models.starter.emblems import COLOURS

LANDS = ("mountains", "hills", "")
LIGHTS = ("sun", "moon", "")
LIGHT_COLOURS = {"sun": ("yellow", "orange", "red", "white", "pink"), "moon": ("white", "yellow"), "": ("",)}
POSTCARD_STYLES = ("flat", "watercolour", "pixel", "night")
USUAL = {"sky": "blue", "mountains": "purple", "hills": "green", "sea": "blue", "sun": "yellow", "moon": "white"}
"""The colour of what a prompt names without one."""


@dataclass(frozen=True)
class Postcard:
    """One landscape. `sky`, `land_colour`, `sea` and `light_colour` are names in `COLOURS`; "" where there is none."""

    sky: str
    land: str
    land_colour: str
    sea: str = ""
    light: str = ""
    light_colour: str = ""
    trees: bool = False
    stars: bool = False
    style: str = "flat"
    layout: int = 0

    def caption(self) -> str:
        light = f"a {self.light_colour} {self.light}" if self.light else ""
        land = f"{self.land_colour} {self.land}" if self.land else ""
        sea = f"a {self.sea} sea" if self.sea else ""
        things = [light, sea if land else "", "trees" if self.trees else "", "stars" if self.stars else ""]
        return ", ".join([f"{land or sea} under a {self.sky} sky", *filter(None, things), f"{self.style} style"])


def random_postcard(rng: random.Random) -> Postcard:
    """A combination drawn so that each thing's usual colour is frequent and nothing hides before its like."""
    land = rng.choices(LANDS, (5, 4, 1))[0]
    sky = USUAL["sky"] if rng.random() < 0.12 else rng.choice(list(COLOURS))
    land_colour = ""
    if land:
        land_colour = USUAL[land] if rng.random() < 0.1 else rng.choice(list(COLOURS))
    while land_colour == sky:
        land_colour = rng.choice(list(COLOURS))
    sea = ""
    if not land or rng.random() < 0.4:
        sea = USUAL["sea"] if rng.random() < 0.3 else rng.choice(list(COLOURS))
        while sea in (land_colour, sky if not land else ""):
            sea = rng.choice(list(COLOURS))
    light = rng.choices(LIGHTS, (5, 4, 2))[0]
    colours = [colour for colour in LIGHT_COLOURS[light] if colour != sky]
    style = rng.choice(POSTCARD_STYLES)
    stars = rng.random() < (0.5 if style == "night" or light == "moon" else 0.12)
    return Postcard(
        sky=sky,
        land=land,
        land_colour=land_colour,
        sea=sea,
        light=light,
        light_colour=USUAL[light] if light and USUAL[light] in colours and rng.random() < 0.4 else rng.choice(colours),
        trees=rng.random() < 0.35,
        stars=stars and (style == "night" or sky not in ("white", "yellow")),
        style=style,
        layout=rng.randrange(1 << 30),
    )
