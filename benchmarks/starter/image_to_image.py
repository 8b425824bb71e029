"""Does image-to-image keep the layout and take the new style?

A picture is drawn in the flat style and handed to the pipeline with a prompt for another style. The layout is kept as
far as the result's mask overlaps (intersection over union) with that of the same picture drawn in the new style: an
emblem's silhouette, a postcard's land. The new style is taken if the result is nearer (mean absolute difference) to the
picture drawn in that style than to the same picture drawn in any other.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.starter.emblem_judge import silhouette
from benchmarks.starter.postcard_judge import land_mask
from models.starter.emblems import Emblem, Pixels
from models.starter.pictures import Picture, drawn, prompts_of_emblems, prompts_of_postcards
from models.starter.postcards import POSTCARD_STYLES

EMBLEM_STYLES = ("flat", "gradient", "pixel", "dotted")
"""Those that fill the same silhouette: an outline is another layout."""


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
        rates[f"{kind}_overlap"] = round(float(np.mean([overlap(change) for change in chosen])), 3)
        rates[f"{kind}_new_style"] = round(
            float(np.mean([nearest_style(change) == change.wanted.style for change in chosen])), 3
        )
    return rates


def overlap(change: Change) -> float:
    """Intersection over union of the layout's masks, 0..1."""
    ideal, made = _mask(drawn(change.wanted), change.wanted), _mask(change.made, change.wanted)
    return float((ideal & made).sum() / max(1, (ideal | made).sum()))


def nearest_style(change: Change) -> str:
    styles = EMBLEM_STYLES if isinstance(change.wanted, Emblem) else POSTCARD_STYLES
    made = change.made.astype(np.float32)
    return min(styles, key=lambda style: float(np.abs(made - drawn(replace(change.wanted, style=style))).mean()))


def _mask(picture: Pixels, shown: Picture) -> NDArray[np.bool_]:
    return silhouette(picture, shown.style) if isinstance(shown, Emblem) else land_mask(picture, shown)


def _asked(count: int) -> list[Picture]:
    emblems = [e for e in prompts_of_emblems(400) if e.style in EMBLEM_STYLES[1:]]
    postcards = [card for card in prompts_of_postcards(400) if card.style != "flat"]
    return [*emblems[:count], *postcards[:count]]
