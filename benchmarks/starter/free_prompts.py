"""Forty prompts in a person's own words, and the picture that each of them means.

They were written down before the weights that they judge were trained, within the vocabulary but not in the phrases of
`models.starter.prompts`, and mostly of what is hard: small shapes, dots, thin lines, like colours, white, black, night.
"""

from models.starter.emblems import Emblem
from models.starter.pictures import Picture
from models.starter.postcards import Postcard

FREE_PROMPTS: tuple[tuple[str, Picture], ...] = (
    (
        "Could you draw a tiny star in halftone style, white on navy?",
        Emblem("star", "white", "blue", style="dotted", size="small"),
    ),
    (
        "a little dotted moon, golden, on a black backdrop",
        Emblem("moon", "yellow", "black", style="dotted", size="small"),
    ),
    ("rose donut on a white background", Emblem("ring", "pink", "white")),
    ("I need a logo: pink hoop over teal", Emblem("ring", "pink", "teal")),
    ("small lilac ring, ivory backdrop, please", Emblem("ring", "purple", "white", size="small")),
    (
        "big plus sign made of dots, scarlet against turquoise",
        Emblem("cross", "red", "teal", style="dotted", size="large"),
    ),
    ("ebony cross on a snow-white background", Emblem("cross", "black", "white")),
    ("an icon: little orange plus on red", Emblem("cross", "orange", "red", size="small")),
    ("tiny crescent, lemon on white", Emblem("moon", "yellow", "white", size="small")),
    (
        "huge white half moon on a jet-black background, softly shaded",
        Emblem("moon", "white", "black", style="gradient", size="large"),
    ),
    ("give me a pink box on yellow, pixelated", Emblem("square", "pink", "yellow", style="pixel")),
    ("tiny pixel art star, amber on emerald", Emblem("star", "orange", "green", style="pixel", size="small")),
    ("a small 8-bit diamond in cyan on violet", Emblem("diamond", "teal", "purple", style="pixel", size="small")),
    ("green disc on teal, only the outline", Emblem("circle", "green", "teal", style="outline")),
    (
        "halftone triangle, cobalt, in front of a purple background",
        Emblem("triangle", "blue", "purple", style="dotted"),
    ),
    ("little hollow pyramid, ruby on black", Emblem("triangle", "red", "black", style="outline", size="small")),
    (
        "can I have a giant golden star on tangerine, line art",
        Emblem("star", "yellow", "orange", style="outline", size="large"),
    ),
    ("lozenge, rosy, dotted, red background", Emblem("diamond", "pink", "red", style="dotted")),
    ("small black ball on a navy backdrop", Emblem("circle", "black", "blue", size="small")),
    (
        "a white five-pointed star on a pink background with a gradient",
        Emblem("star", "white", "pink", style="gradient"),
    ),
    ("tiny purple block in dots on orange", Emblem("square", "purple", "orange", style="dotted", size="small")),
    ("an emerald crescent on an ivory background, halftone", Emblem("moon", "green", "white", style="dotted")),
    ("a badge with a small teal donut in dots on black", Emblem("ring", "teal", "black", style="dotted", size="small")),
    (
        "little white rhombus outlined, azure background",
        Emblem("diamond", "white", "blue", style="outline", size="small"),
    ),
    (
        "white mountains at night under a blue sky with a moon",
        Postcard("blue", "mountains", "white", light="moon", light_colour="white", style="night"),
    ),
    (
        "snow-white peaks by a lake at night, black sky, stars",
        Postcard("black", "mountains", "white", sea="blue", stars=True, style="night"),
    ),
    (
        "green hills under a pink sky with a white sun, painted in watercolour",
        Postcard("pink", "hills", "green", light="sun", light_colour="white", style="watercolour"),
    ),
    (
        "an orange sky over a purple sea, with a red sun",
        Postcard("orange", "", "", sea="purple", light="sun", light_colour="red"),
    ),
    (
        "black mountains under a crimson sky, a yellow moon, pixel art",
        Postcard("red", "mountains", "black", light="moon", light_colour="yellow", style="pixel"),
    ),
    (
        "a night scene: teal hills, violet sky, crescent moon, many stars",
        Postcard("purple", "hills", "teal", light="moon", light_colour="white", stars=True, style="night"),
    ),
    (
        "yellow hills and a blue lake beneath a white sky, some pines",
        Postcard("white", "hills", "yellow", sea="blue", trees=True),
    ),
    (
        "rosy mountain range behind a turquoise sea with a setting sun, orange sky",
        Postcard("orange", "mountains", "pink", sea="teal", light="sun", light_colour="yellow"),
    ),
    ("ivory hills under a yellow sky with a forest", Postcard("yellow", "hills", "white", trees=True)),
    (
        "a landscape with red hills, lilac sky, a white moon and twinkling stars",
        Postcard("purple", "hills", "red", light="moon", light_colour="white", stars=True),
    ),
    (
        "navy ocean and emerald mountains under a golden sky, in watercolours",
        Postcard("yellow", "mountains", "green", sea="blue", style="watercolour"),
    ),
    (
        "black hills by night below an orange sky with a yellow moon",
        Postcard("orange", "hills", "black", light="moon", light_colour="yellow", style="night"),
    ),
    ("I'd like pink peaks over a black lake, teal sky, flat", Postcard("teal", "mountains", "pink", sea="black")),
    (
        "white mountains under a green sky with a pink sun",
        Postcard("green", "mountains", "white", light="sun", light_colour="pink"),
    ),
    (
        "a purple sky with stars and a golden crescent moon over black hills and a teal sea, pixel style",
        Postcard(
            "purple", "hills", "black", sea="teal", light="moon", light_colour="yellow", stars=True, style="pixel"
        ),
    ),
    (
        "show me orange mountains and fir trees under a navy sky by night",
        Postcard("blue", "mountains", "orange", trees=True, style="night"),
    ),
)
