"""The starter GAN's data and training."""

from pathlib import Path

import numpy as np
import torch

from models.gan.network import Generator, GeneratorConfig, load_generator
from models.starter.emblems import COLOURS
from models.starter.gan import LABELS, LATENT, SIDE, Recipe, draw_pairs, emblem_of, set_style_means, train

torch.set_num_threads(1)


def test_a_latent_stands_for_one_emblem_of_its_class() -> None:
    latents = torch.randn(300, LATENT, generator=torch.Generator().manual_seed(1)).tolist()
    emblems = [emblem_of("red star", latent) for latent in latents]
    assert emblems == [emblem_of("red star", latent) for latent in latents]
    assert {(e.colour, e.shape) for e in emblems} == {("red", "star")}
    assert {e.background for e in emblems} == set(COLOURS) - {"red"}
    assert len({e.style for e in emblems}) == 5
    assert len({e.size for e in emblems}) == 3


def test_pairs_show_their_label() -> None:
    pairs = draw_pairs(6, 3)
    assert pairs.pictures.shape == (6, 3, SIDE, SIDE)
    for latent, label, picture in zip(pairs.latents, pairs.labels, pairs.pictures, strict=True):
        emblem = emblem_of(LABELS[int(label)], latent.tolist())
        assert tuple(picture[:, 0, 0].tolist()) == tuple(np.array(COLOURS[emblem.background]))


def test_the_style_mean_is_the_mean_of_the_class() -> None:
    generator = Generator(GeneratorConfig(LABELS, latent=LATENT, style=8, widths=(8, 8)))
    set_style_means(generator, draws=16)
    latents = torch.randn(16, LATENT, generator=torch.Generator().manual_seed(0))
    expected = generator.style(latents, torch.full((16,), 7)).mean(0)
    torch.testing.assert_close(generator.style_mean[7], expected)


def test_training_writes_a_generator_that_loads(tmp_path: Path) -> None:
    recipe = Recipe(pictures=8, mapping_steps=5, steps=2, adversarial_from=1, batch=4, sheet_every=2)
    train(tmp_path / "out", tmp_path / "work", recipe)
    generator = load_generator(tmp_path / "out")
    assert generator.config.labels == LABELS
    assert generator.config.side == SIDE
    assert generator.style_mean.abs().sum() > 0
    assert (tmp_path / "work" / "gan-00002.png").exists()
