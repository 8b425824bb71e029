"""Does image-to-image keep the layout and take the new style?

A picture is drawn in the flat style and handed to the pipeline with a prompt for another style. The layout is kept as
far as things stand where they stand in the same picture drawn in the new style: the overlap (intersection over union)
of an emblem's silhouette, and of a postcard's land, sea, sun or moon, and trees, of which the mean counts.

Beside it stand what another layout of the same words gets, which tells how much the figure says; what drawn pictures
get through the autoencoder, which no denoiser can surpass; and `ridges`, a stricter view of postcards: only the band
where the land meets the sky. The new style is taken if the result is nearer (mean absolute difference) to the picture
drawn in that style than to the same picture drawn in any other.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from tqdm import tqdm

from benchmarks.starter.emblem_judge import Mask, silhouette
from benchmarks.starter.postcard_judge import land_mask, thing_masks
from models.starter.emblems import Emblem, Pixels
from models.starter.pictures import Picture, drawn, prompts_of_emblems, prompts_of_postcards
from models.starter.postcards import POSTCARD_STYLES, Postcard

EMBLEM_STYLES = ("flat", "gradient", "pixel", "dotted")
"""Those that fill the same silhouette: an outline is another layout."""
SPECK = 1 / 256
"""A thing that covers less of the picture, hidden behind another or never drawn, has no place to keep."""


class Change(NamedTuple):
    """A picture in the style asked for, and what the model made of the flat one."""

    wanted: Picture
    made: Pixels


def change_styles(pipeline: StableDiffusionPipeline, count: int, strength: float, guidance: float) -> list[Change]:
    """`count` emblems and as many postcards of held-out combinations, each from flat to its own style."""
    painter = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    painter.set_progress_bar_config(disable=True)
    changes = []
    for i, wanted in enumerate(tqdm(_asked(count), "image to image", mininterval=5)):
        out = painter(
            wanted.caption(),
            image=Image.fromarray(drawn(replace(wanted, style="flat"))),
            strength=strength,
            num_inference_steps=20,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(i),
            output_type="np",
        )
        changes.append(Change(wanted, (out.images[0] * 255).round().astype(np.uint8)))
    return changes


def measure(changes: list[Change]) -> dict[str, float]:
    """Mean overlap and the share that takes the style, for each kind of picture."""
    rates = {}
    for kind, chosen in (
        ("emblems", [c for c in changes if isinstance(c.wanted, Emblem)]),
        ("postcards", [c for c in changes if not isinstance(c.wanted, Emblem)]),
    ):
        rates[f"{kind}_overlap"] = _mean([overlap(change) for change in chosen])
        rates[f"{kind}_new_style"] = _mean([nearest_style(change) == change.wanted.style for change in chosen])
        if kind == "postcards":
            rates[f"{kind}_ridges"] = _mean([ridge_overlap(change) for change in chosen])
    return rates


def elsewhere(changes: list[Change]) -> list[Change]:
    """The same words drawn in another layout: an emblem in another size and place, a postcard anew."""
    return [Change(change.wanted, drawn(_moved(change.wanted))) for change in changes]


def _moved(picture: Picture) -> Picture:
    if isinstance(picture, Postcard):
        return replace(picture, layout=picture.layout + 1)
    return replace(picture, size={"small": "", "": "large", "large": ""}[picture.size], dx=0.05, dy=-0.05)


def overlap(change: Change) -> float:
    """Intersection over union, 0..1, of an emblem's silhouette; of a postcard's things, the mean."""
    wanted = change.wanted
    if isinstance(wanted, Emblem):
        return _shared(silhouette(drawn(wanted), wanted.style), silhouette(change.made, wanted.style))
    ideal, made = thing_masks(drawn(wanted), wanted), thing_masks(change.made, wanted)
    return float(np.mean([_shared(ideal[name], made[name]) for name in ideal if ideal[name].mean() > SPECK]))


def ridge_overlap(change: Change) -> float:
    """Intersection over union of a postcard's land in the band where it meets the sky."""
    wanted = change.wanted
    assert isinstance(wanted, Postcard)
    return _shared(land_mask(drawn(wanted), wanted), land_mask(change.made, wanted))


def nearest_style(change: Change) -> str:
    styles = EMBLEM_STYLES if isinstance(change.wanted, Emblem) else POSTCARD_STYLES
    made = change.made.astype(np.float32)
    return min(styles, key=lambda style: float(np.abs(made - drawn(replace(change.wanted, style=style))).mean()))


def _shared(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)


def _asked(count: int) -> list[Picture]:
    emblems = [e for e in prompts_of_emblems(400) if e.style in EMBLEM_STYLES[1:]]
    postcards = [card for card in prompts_of_postcards(400) if card.style != "flat"]
    return [*emblems[:count], *postcards[:count]]
