"""The starter GAN's data and training."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.gan.network import Generator, GeneratorConfig, load_generator
from models.starter import emblems
from models.starter.emblems import Emblem
from models.starter.gan import Recipe, learn_to_draw, train
from models.starter.gan_emblems import COLOURS, LABELS, LATENT, SHAPES, SIDE, STYLES, emblem_of, pixels, typical_latents
from models.starter.gan_examples import draw_examples
from models.starter.gan_mapping import StyleReader, learn_mapping, set_style_means

torch.set_num_threads(1)
TINY = Recipe(mapping_steps=4, steps=4, adversarial_from=2, batch=8, sheet_every=2)


def _latents(count: int) -> torch.Tensor:
    return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(1))


def test_a_latent_stands_for_one_emblem_of_its_class() -> None:
    latents = _latents(300).tolist()
    made = [emblem_of("red star", latent) for latent in latents]
    assert made == [emblem_of("red star", latent) for latent in latents]
    assert {(e.colour, e.shape) for e in made} == {("red", "star")}
    assert {e.background for e in made} == set(COLOURS) - {"red"}
    assert {e.style for e in made} == set(STYLES)
    assert len({e.size for e in made}) == 3
    assert max(abs(e.dx) for e in made) <= 0.05


def test_typical_latents_stand_for_the_plain_emblem_on_the_most_different_ground() -> None:
    made = [emblem_of("yellow ring", z.tolist()) for z in typical_latents("yellow ring", _latents(50))]
    assert {(e.style, e.size, e.background) for e in made} == {("flat", "", "blue")}
    assert len({e.dx for e in made}) == 50


def test_the_classes_are_the_grammars() -> None:
    assert set(COLOURS) <= set(emblems.COLOURS)
    assert set(SHAPES) <= set(emblems.SHAPES)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generator, StyleReader]:
    """A mapping that has learnt a little, and its reader."""
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(LABELS, latent=LATENT, style=64, widths=(8, 8, 8, 8)))
    reader = StyleReader(64)
    learn_mapping(generator, reader, 150, tmp_path_factory.mktemp("work"), batch=256)
    set_style_means(generator)
    return generator, reader


def test_the_reader_learns_what_styles_stand_for(taught: tuple[Generator, StyleReader]) -> None:
    generator, reader = taught
    latents, labels = _latents(200), torch.arange(200) % len(LABELS)
    wanted = [emblem_of(LABELS[i], z) for i, z in zip(labels.tolist(), latents.tolist(), strict=True)]
    read = reader.read(generator.style(latents, labels), wanted)
    assert sum(r.shape == w.shape for r, w in zip(read, wanted, strict=True)) > 150
    assert sum(r.style == w.style for r, w in zip(read, wanted, strict=True)) > 100
    assert all((r.colour, r.background) == (w.colour, w.background) for r, w in zip(read, wanted, strict=True))


def test_the_style_mean_is_that_of_the_typical_emblem(taught: tuple[Generator, StyleReader]) -> None:
    generator, reader = taught
    typical = [Emblem(label.split()[1], label.split()[0], "white") for label in LABELS]
    read = reader.read(generator.style_mean, typical)
    assert sum((e.style, e.size) == ("flat", "") for e in read) > 70
    assert max(abs(e.dx) for e in read) < 0.03


def test_examples_show_what_their_styles_stand_for(taught: tuple[Generator, StyleReader]) -> None:
    generator, reader = taught
    torch.manual_seed(5)
    examples = draw_examples(generator, reader, 40)
    assert examples.pictures.shape == (40, 3, SIDE, SIDE)
    for i in range(3, 40, 4):
        # A plain one: neither truncated nor mixed, so both colours are its class's and its latent's own.
        label = LABELS[int(examples.labels[i])]
        named = [Emblem("", label.split()[0], ground) for ground in COLOURS]
        pictures = [pixels(emblem) for emblem in reader.read(examples.styles[i].expand(10, -1), named)]
        assert min((picture - examples.pictures[i]).abs().max().item() for picture in pictures) == 0
    truncated = examples.pictures[0::2, :, 0, 0]
    palette = torch.tensor([emblems.COLOURS[name] for name in COLOURS]) / 127.5 - 1
    assert (torch.cdist(truncated, palette).amin(1) > 0.02).sum() >= 10


def test_training_writes_a_generator_that_loads(tmp_path: Path) -> None:
    train(tmp_path / "out", tmp_path / "work", TINY)
    generator = load_generator(tmp_path / "out")
    assert generator.config.labels == LABELS
    assert generator.config.side == SIDE
    assert generator.style_mean.abs().sum() > 0
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["gan-00002.png", "gan-00004.png", "latest"]


def test_an_interrupted_training_goes_on_to_the_same_weights(
    tmp_path: Path, taught: tuple[Generator, StyleReader]
) -> None:
    """The checkpoint of the third of four steps, taken up by fresh models, ends where the training had ended."""
    recipe = replace(TINY, sheet_every=3)
    ends = []
    for seed in (3, 99):
        torch.manual_seed(seed)
        generator = Generator(taught[0].config)
        averaged = copy.deepcopy(taught[0]).requires_grad_(False)
        if not ends:
            generator.load_state_dict(taught[0].state_dict())
        learn_to_draw(generator, averaged, taught[1], recipe, tmp_path)
        ends.append(averaged.state_dict())
    for name, tensor in ends[0].items():
        assert torch.equal(tensor, ends[1][name]), name
