"""The first half of the GAN's training: its mapping network alone, and a reader that says what a style stands for."""

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from models.gan.network import Generator
from models.starter import emblems
from models.starter.emblems import Emblem
from models.starter.gan_emblems import (
    COLOURS,
    GROUNDS,
    KINDS_OF_SIZE,
    KINDS_OF_STYLE,
    LABELS,
    LATENT,
    PLACE,
    SHAPES,
    SIZES,
    STYLES,
    placed,
    typical_latents,
)
from models.starter.training import Checkpoint

LEARNING_RATE = 3e-3


class StyleReader(nn.Module):
    """Linear heads that read an emblem's shape, style, size and place from a style vector."""

    def __init__(self, style: int) -> None:
        super().__init__()
        self.shape = nn.Linear(style, len(SHAPES))
        self.style = nn.Linear(style, len(STYLES))
        self.size = nn.Linear(style, len(SIZES))
        self.place = nn.Linear(style, 3)

    @torch.no_grad()
    def read(self, styles: Tensor, colours: list[Emblem]) -> list[Emblem]:
        """What styles (n, style) stand for, whatever they were mixed from; both colours are taken from `colours`."""
        shape, style, size = (head(styles).argmax(1).tolist() for head in (self.shape, self.style, self.size))
        place = self.place(styles).clamp(-1, 1).tolist()
        return [
            placed(replace(emblem, shape=SHAPES[a], style=STYLES[b], size=SIZES[c]), *p)
            for emblem, a, b, c, p in zip(colours, shape, style, size, place, strict=True)
        ]


def learn_mapping(generator: Generator, reader: StyleReader, steps: int, work: Path, batch: int = 256) -> None:
    """Teach the mapping network alone to tell, through linear heads, what a latent and a label stand for.

    With both colours right and shape, style, size and place linear in the style, the synthesis only has to learn to
    draw. This costs minutes where learning it through pictures costs most of the training.
    """
    device = generator.style_mean.device
    _embed_by_parts(generator)
    colours = nn.ModuleList([generator.paint, generator.ground])
    learnt = nn.ModuleList([generator.mapping, generator.embedding, colours, reader])
    optimizer = torch.optim.AdamW(learnt.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    checkpoint = Checkpoint(work / "mapping.pt", 500, learnt=learnt, optimizer=optimizer)
    begun = checkpoint.resume()
    progress = tqdm(range(begun, steps), "mapping", initial=begun, total=steps, mininterval=5)
    for step in progress:
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        latents, labels = torch.randn(batch, LATENT).to(device), torch.randint(len(LABELS), (batch,)).to(device)
        loss = _mapping_loss(generator, reader, latents, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        checkpoint.after(step)
        if step % 50 == 0:
            progress.set_postfix(loss=f"{loss.item():.3f}")


def _mapping_loss(generator: Generator, reader: StyleReader, latent: Tensor, label: Tensor) -> Tensor:
    palette = torch.tensor([emblems.COLOURS[name] for name in COLOURS], device=latent.device) / 127.5 - 1
    style, colour = generator.style(latent, label), label // len(SHAPES)
    # The colour of the shape itself is no ground for it.
    ground = latent[:, GROUNDS].scatter(1, colour[:, None], -torch.inf).argmax(1)
    loss = F.mse_loss(reader.place(style), latent[:, PLACE].tanh())
    loss = loss + F.cross_entropy(reader.shape(style), label % len(SHAPES))
    loss = loss + F.cross_entropy(reader.style(style), latent[:, KINDS_OF_STYLE].argmax(1))
    loss = loss + F.cross_entropy(reader.size(style), latent[:, KINDS_OF_SIZE].argmax(1))
    for head, number in ((generator.paint, colour), (generator.ground, ground)):
        loss = loss + 4 * F.mse_loss(head(style), palette[number])
    return loss


@torch.no_grad()
def set_style_means(generator: Generator, draws: int = 512) -> None:
    """Average the styles of each class's typical emblem: what truncation pulls towards.

    The mean over all latents would stand for nothing in particular: a little outlined, a little dotted.
    """
    latents = torch.randn(draws, LATENT, generator=torch.Generator().manual_seed(0))
    device = generator.style_mean.device
    for number, label in enumerate(LABELS):
        numbers = torch.full((draws,), number, device=device)
        styles = generator.style(typical_latents(label, latents).to(device), numbers)
        generator.style_mean[number] = styles.mean(0)


def _embed_by_parts(generator: Generator) -> None:
    """Begin with class vectors that are the sum of a colour's and a shape's, so that classes learn from each other."""
    colour = torch.randn(len(COLOURS), 1, generator.config.style)
    shape = torch.randn(1, len(SHAPES), generator.config.style)
    generator.embedding.weight.data.copy_(((colour + shape) / 2**0.5).flatten(0, 1))
