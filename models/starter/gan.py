"""Trains `starter-gan`: a class-conditional generator of emblems, 64x64, one class for each colour and shape.

What the class leaves open (background, style, size, place) is a fixed function of the latent, `emblem_of`, so the
generator has a target for every latent: it learns by reconstruction, and a discriminator (hinge loss, projection,
arXiv:1802.05637) makes it sharp, as in pix2pix (arXiv:1611.07004). A standard normal latent gives the grammar's spread.
"""

import copy
import itertools
import math
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from tqdm import tqdm

from models.gan.network import Generator, GeneratorConfig, save_generator
from models.starter.emblems import COLOURS, SHAPES, SIZES, STYLES, Emblem, render
from models.starter.training import save_sheet

SIDE = 64
LATENT = 32
LABELS = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The defaults are what the shipped weights were trained with."""

    seed: int = 20261122
    pictures: int = 12_000
    mapping_steps: int = 2_500
    steps: int = 1_600
    adversarial_from: int = 1_000
    batch: int = 24
    adversarial_weight: float = 0.02
    sheet_every: int = 200

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(
            self,
            mapping_steps=max(1, round(self.mapping_steps * factor)),
            steps=max(2, round(self.steps * factor)),
            adversarial_from=max(1, round(self.adversarial_from * factor)),
        )


def emblem_of(label: str, latent: list[float]) -> Emblem:
    """The emblem that a label and a latent (`LATENT` numbers) stand for."""
    colour, shape = label.split()
    liking = {name: value for name, value in zip(COLOURS, latent[:10], strict=True) if name != colour}
    return Emblem(
        shape=shape,
        colour=colour,
        background=max(liking, key=liking.__getitem__),
        style=STYLES[int(np.argmax(latent[10:15]))],
        size=tuple(SIZES)[int(np.argmax(latent[15:18]))],
        dx=0.05 * math.tanh(latent[18]),
        dy=0.05 * math.tanh(latent[19]),
        turn=0.1 * math.tanh(latent[20]),
    )


@dataclass(frozen=True)
class Pairs:
    """Latents (n, LATENT), label numbers (n,) and the pictures (n, 3, SIDE, SIDE) in bytes that they stand for."""

    latents: Tensor
    labels: Tensor
    pictures: Tensor


def draw_pairs(count: int, seed: int) -> Pairs:
    """`count` random latents and labels with their pictures."""
    rng = random.Random(seed)
    latents = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))
    labels = [rng.randrange(len(LABELS)) for _ in range(count)]
    pairs = zip(labels, latents.tolist(), strict=True)
    pictures = [render(emblem_of(LABELS[i], z), SIDE) for i, z in tqdm(pairs, "drawing", total=count, mininterval=5)]
    return Pairs(latents, torch.tensor(labels), torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))


class Discriminator(nn.Module):
    """Real or made, given the label: spectrally normalised convolutions and a projection."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        widths = (12, 32, 64, 96, 128)
        layers: list[nn.Module] = []
        for narrow, wide in itertools.pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(narrow, wide, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Linear(widths[-1], 1))
        self.embedding = nn.Embedding(labels, widths[-1])

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Scores (n,) of pictures (n, 3, SIDE, SIDE)."""
        features = self.body(F.pixel_unshuffle(pictures, 2)).sum((2, 3))
        return self.score(features)[:, 0] + (self.embedding(labels) * features).sum(1)


def train(out: Path, work: Path, recipe: Recipe) -> None:
    """Train and save the averaged generator under `out`; sheets go to `work`."""
    torch.manual_seed(recipe.seed)
    pairs = draw_pairs(recipe.pictures, recipe.seed)
    generator = Generator(GeneratorConfig(LABELS, latent=LATENT))
    _embed_by_parts(generator)
    learn_mapping(generator, recipe)
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    train_generator(generator, averaged, pairs, recipe, work)
    set_style_means(averaged)
    save_generator(averaged, out)


def learn_mapping(generator: Generator, recipe: Recipe, batch: int = 512) -> None:
    """Teach the mapping network alone to tell, through linear heads, what a latent and a label stand for.

    With both colours right and shape, style, size and place linear in the style, the synthesis only has to learn to
    draw. This costs a minute where learning it through pictures costs most of the training.
    """
    heads = nn.ModuleList(nn.Linear(generator.config.style, n) for n in (len(SHAPES), len(STYLES), len(SIZES), 3))
    colours = nn.ModuleList([generator.paint, generator.ground])
    learnt = nn.ModuleList([generator.mapping, generator.embedding, colours, heads])
    optimizer = torch.optim.AdamW(learnt.parameters(), lr=3e-3, weight_decay=1e-3)
    palette = torch.tensor(list(COLOURS.values())) / 127.5 - 1
    progress = tqdm(range(recipe.mapping_steps), "mapping", mininterval=5)
    for step in progress:
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / recipe.mapping_steps)
        latent, label = torch.randn(batch, LATENT), torch.randint(len(LABELS), (batch,))
        style, colour = generator.style(latent, label), label // len(SHAPES)
        ground = latent[:, :10].scatter(1, colour[:, None], -torch.inf).argmax(1)
        wanted = (label % len(SHAPES), latent[:, 10:15].argmax(1), latent[:, 15:18].argmax(1))
        *kinds, place = (head(style) for head in heads)
        loss = F.mse_loss(place, latent[:, 18:21].tanh())
        loss = loss + sum(F.cross_entropy(told, kind) for told, kind in zip(kinds, wanted, strict=True))
        for head, number in zip(colours, (colour, ground), strict=True):
            loss = loss + 4 * F.mse_loss(head(style), palette[number])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            progress.set_postfix(loss=f"{loss.item():.3f}")


def train_generator(generator: Generator, averaged: Generator, pairs: Pairs, recipe: Recipe, work: Path) -> None:
    """Reconstruction alone at first, then with the adversarial term; `averaged` follows `generator`."""
    critic = Discriminator(len(LABELS))
    # The mapping, the class vectors and the two colours were learnt before: only a little more for them.
    gentle = [generator.mapping, generator.embedding, generator.paint, generator.ground]
    rest = [generator.blocks, generator.last, generator.to_layer]
    makes = torch.optim.AdamW(
        [
            {"params": [p for module in gentle for p in module.parameters()], "lr": 1e-4},
            {"params": [generator.constant, *(p for module in rest for p in module.parameters())], "lr": 2e-3},
        ],
        betas=(0.9, 0.99),
        weight_decay=1e-4,
    )
    judges = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.0, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        makes, lambda s: min(1.0, (s + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * s / recipe.steps)))
    )
    progress = tqdm(range(recipe.steps), "gan", mininterval=5)
    for step in progress:
        chosen = torch.randint(len(pairs.labels), (recipe.batch,))
        latent, label, real = pairs.latents[chosen], pairs.labels[chosen], _to_unit(pairs.pictures[chosen])
        made = generator(latent, label)
        distance = F.l1_loss(made, real) + F.mse_loss(made, real)
        loss = distance
        if step >= recipe.adversarial_from:
            _judge(critic, judges, real, made.detach(), label)
            loss = loss - recipe.adversarial_weight * critic(made, label).mean()
        makes.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        makes.step()
        schedule.step()
        _follow(averaged, generator, decay=min(0.995, step / (step + 20)))
        if step % 20 == 0:
            progress.set_postfix(distance=f"{distance.item():.3f}")
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == recipe.steps:
            save_sheet(sheet(averaged), work / f"gan-{step + 1:05d}.png", columns=12)
            save_generator(averaged, work / "latest")


@torch.no_grad()
def sheet(generator: Generator) -> Tensor:
    """Twelve pictures of each shape, the colours going round; shape (96, 3, SIDE, SIDE)."""
    colours = list(COLOURS)
    labels = [LABELS.index(f"{colours[(i + j) % 10]} {shape}") for i, shape in enumerate(SHAPES) for j in range(12)]
    latents = torch.randn(len(labels), LATENT, generator=torch.Generator().manual_seed(1))
    return generator(latents, torch.tensor(labels))


@torch.no_grad()
def set_style_means(generator: Generator, draws: int = 512) -> None:
    """Average each class's style over random latents: what truncation pulls towards."""
    latents = torch.randn(draws, LATENT, generator=torch.Generator().manual_seed(0))
    for number in range(len(LABELS)):
        generator.style_mean[number] = generator.style(latents, torch.full((draws,), number)).mean(0)


def _embed_by_parts(generator: Generator) -> None:
    """Begin with class vectors that are the sum of a colour's and a shape's, so that classes learn from each other."""
    colour = torch.randn(len(COLOURS), 1, generator.config.style)
    shape = torch.randn(1, len(SHAPES), generator.config.style)
    generator.embedding.weight.data.copy_(((colour + shape) / 2**0.5).flatten(0, 1))


def _judge(critic: Discriminator, judges: torch.optim.Optimizer, real: Tensor, made: Tensor, label: Tensor) -> None:
    """One hinge-loss step of the discriminator."""
    loss = F.relu(1 - critic(real, label)).mean() + F.relu(1 + critic(made, label)).mean()
    judges.zero_grad(set_to_none=True)
    loss.backward()
    judges.step()


@torch.no_grad()
def _follow(averaged: Generator, generator: Generator, decay: float) -> None:
    for slow, fast in zip(averaged.parameters(), generator.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def _to_unit(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1
