"""Trains `starter-gan`: a class-conditional generator of emblems, 64x64, one class for each colour and shape.

The mapping network learns first, alone (`gan_mapping`). Then the synthesis learns to draw what a style stands for
(`gan_examples`) by reconstruction, and a discriminator (hinge loss, projection, arXiv:1802.05637) makes it sharp, as in
pix2pix (arXiv:1611.07004).
"""

import copy
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from tqdm import tqdm

from models.gan.network import Generator, GeneratorConfig, save_generator
from models.starter.gan_emblems import COLOURS, LABELS, LATENT, SHAPES
from models.starter.gan_examples import Examples, draw_examples
from models.starter.gan_mapping import StyleReader, learn_mapping, set_style_means
from models.starter.training import CPU, Checkpoint, fast_arithmetic, save_sheet, warm_cosine


@dataclass(frozen=True)
class Recipe:
    """How long and on how much. The shipped weights had other sittings: see docs/models/starter-gan.md."""

    seed: int = 20261122
    mapping_steps: int = 4_000
    steps: int = 8_000
    adversarial_from: int = 6_000
    batch: int = 24
    learning_rate: float = 2e-3
    adversarial_weight: float = 0.02
    sheet_every: int = 500

    def scaled(self, factor: float) -> "Recipe":
        """The same recipe with fewer (or more) steps."""
        return replace(
            self,
            mapping_steps=max(1, round(self.mapping_steps * factor)),
            steps=max(2, round(self.steps * factor)),
            adversarial_from=max(1, round(self.adversarial_from * factor)),
        )


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


def train(out: Path, work: Path, recipe: Recipe, device: torch.device = CPU) -> None:
    """Train and save the averaged generator under `out`; sheets and checkpoints go to `work`.

    Goes on where an interrupted training with the same `work` stood.
    """
    torch.manual_seed(recipe.seed)
    generator = Generator(GeneratorConfig(LABELS, latent=LATENT)).to(device)
    reader = StyleReader(generator.config.style).to(device)
    learn_mapping(generator, reader, recipe.mapping_steps, work)
    set_style_means(generator)
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    learn_to_draw(generator, averaged, reader, recipe, work)
    save_generator(averaged.cpu(), out)
    for stage in ("mapping", "drawing"):
        (work / f"{stage}.pt").unlink(missing_ok=True)


def learn_to_draw(generator: Generator, averaged: Generator, reader: StyleReader, recipe: Recipe, work: Path) -> None:
    """Reconstruction alone at first, then with the adversarial term; `averaged` follows `generator`.

    The mapping stays as it is, so that styles keep their meaning.
    """
    for known in (generator.mapping, generator.embedding):
        known.requires_grad_(False)
    device = generator.style_mean.device
    critic = Discriminator(len(LABELS)).to(device)
    learnt = [parameter for parameter in generator.parameters() if parameter.requires_grad]
    makes = torch.optim.AdamW(learnt, lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    judges = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.0, 0.99))
    schedule = warm_cosine(makes, recipe.steps)
    checkpoint = Checkpoint(
        work / "drawing.pt",
        recipe.sheet_every,
        generator=generator,
        averaged=averaged,
        critic=critic,
        makes=makes,
        judges=judges,
        schedule=schedule,
    )
    begun = checkpoint.resume()
    progress = tqdm(range(begun, recipe.steps), "drawing", initial=begun, total=recipe.steps, mininterval=5)
    for step in progress:
        examples = draw_examples(generator, reader, recipe.batch)
        with fast_arithmetic(device):
            made = generator.synthesise(examples.styles).float()
        distance = _distance(made, examples.pictures)
        loss = distance
        if step >= recipe.adversarial_from:
            _judge(critic, judges, examples, made.detach())
            loss = loss - recipe.adversarial_weight * critic(made, examples.labels).mean()
        makes.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        makes.step()
        schedule.step()
        _follow(averaged, generator, decay=min(0.995, step / (step + 20)))
        if step % 20 == 0:
            progress.set_postfix(distance=f"{distance.item():.3f}")
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == recipe.steps:
            save_sheet(sheet(averaged), work / f"gan-{step + 1:05d}.png", columns=12)
            save_generator(averaged, work / "latest")
        checkpoint.after(step)


@torch.no_grad()
def sheet(generator: Generator) -> Tensor:
    """Twelve pictures of each shape, the colours going round; shape (96, 3, SIDE, SIDE)."""
    labels = [LABELS.index(f"{COLOURS[(i + j) % 10]} {shape}") for i, shape in enumerate(SHAPES) for j in range(12)]
    latents = torch.randn(len(labels), LATENT, generator=torch.Generator().manual_seed(1))
    device = generator.style_mean.device
    pictures: Tensor = generator(latents.to(device), torch.tensor(labels, device=device))
    return pictures


def _distance(made: Tensor, real: Tensor) -> Tensor:
    """Mean absolute plus mean squared error; a small or thin shape counts for more than its pixels, or it is lost."""
    difference = made - real
    shown = (real != real[:, :, :1, :1]).any(1).float().mean((1, 2))
    per_picture = (difference.abs() + difference.square()).mean((1, 2, 3))
    return (per_picture / (shown + 0.05)).mean() * 0.25


def _judge(critic: Discriminator, judges: torch.optim.Optimizer, examples: Examples, made: Tensor) -> None:
    """One hinge-loss step of the discriminator."""
    real, fake = critic(examples.pictures, examples.labels), critic(made, examples.labels)
    loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    judges.zero_grad(set_to_none=True)
    loss.backward()
    judges.step()


@torch.no_grad()
def _follow(averaged: Generator, generator: Generator, decay: float) -> None:
    for slow, fast in zip(averaged.parameters(), generator.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)
