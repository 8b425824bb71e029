"""The second half's data: styles, and the pictures that they stand for."""

from typing import NamedTuple

import torch
from torch import Tensor

from models.gan.network import Generator
from models.starter.emblems import Emblem
from models.starter.gan_emblems import LABELS, LATENT, emblem_of, pixels, typical_latents
from models.starter.gan_mapping import StyleReader


class Examples(NamedTuple):
    """Styles (n, style), the label numbers (n,) nearest to them, and their pictures (n, 3, SIDE, SIDE) in -1..1."""

    styles: Tensor
    labels: Tensor
    pictures: Tensor


@torch.no_grad()
def draw_examples(generator: Generator, reader: StyleReader, count: int) -> Examples:
    """A quarter of them plain, half truncated, a quarter mixed from two classes, drawn with torch's random numbers.

    A style between two others has the geometry that `reader` finds in it, and colours between theirs: so truncation and
    mixing, too, are drawn as the training wants them, not as chance has it.
    """
    latents, labels = torch.randn(count, LATENT), torch.randint(len(LABELS), (count,))
    others = torch.randint(len(LABELS), (count,))
    truncated = torch.arange(count) % 2 == 0
    mixed = torch.arange(count) % 4 == 1
    # The square root: little truncation is harder to draw than much, which leaves the typical emblem.
    weights = torch.where(truncated, torch.rand(count).sqrt(), torch.where(mixed, torch.rand(count), 1.0))
    others = torch.where(mixed, others, labels)
    device = generator.style_mean.device
    latents, labels, others, truncated, weights = (
        part.to(device) for part in (latents, labels, others, truncated, weights)
    )
    ends, beginnings = generator.style(latents, labels), generator.style(latents, others)
    beginnings = torch.where(truncated[:, None], generator.style_mean[labels], beginnings)
    styles = torch.lerp(beginnings, ends, weights[:, None])
    last = [emblem_of(LABELS[label], latent) for label, latent in zip(labels.tolist(), latents.tolist(), strict=True)]
    first = [
        emblem_of(LABELS[label], (typical_latents(LABELS[label], latent[None])[0] if pulled else latent).tolist())
        for label, latent, pulled in zip(others.tolist(), latents, truncated.tolist(), strict=True)
    ]
    pictures = torch.lerp(_drawn(reader, styles, first), _drawn(reader, styles, last), weights[:, None, None, None])
    return Examples(styles, torch.where(weights < 0.5, others, labels), pictures)


def _drawn(reader: StyleReader, styles: Tensor, colours: list[Emblem]) -> Tensor:
    return torch.stack([pixels(emblem) for emblem in reader.read(styles, colours)]).to(styles.device)
