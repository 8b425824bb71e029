"""The shipped weights of `starter-gan` do what its card says, by the benchmark's own judge, on fewer pictures."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.starter_gan import Judge, data, made, score
from configs.catalog import ModelEntry, load_catalog
from gitex.specs import GanSettings, ImageSpec
from models.gan.load import load_gan_engine
from models.gan.network import Generator, load_generator
from models.registry.sources import resolve_source
from models.starter.gan_emblems import LABELS, SIDE
from tests.unit.models.gan.tiny_gan import FakeClock, FakeRecorder, make

torch.set_num_threads(1)
PER_CLASS = 2


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    entry = load_catalog().entry("starter-gan")
    return entry.model_copy(update={"engine": entry.engine.model_copy(update={"device": "cpu", "threads": 1})})


@pytest.fixture(scope="module")
def generator(entry: ModelEntry) -> Generator:
    return load_generator(resolve_source(entry.source))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def test_the_judge_names_the_data(judge: Judge) -> None:
    pictures = data(PER_CLASS)
    assert score(judge, pictures, PER_CLASS).class_right >= 0.97
    # Shown the next class's pictures instead, it names those.
    assert score(judge, np.roll(pictures, PER_CLASS, axis=0), PER_CLASS).class_right <= 0.03


def test_the_generator_is_as_small_as_said(generator: Generator) -> None:
    assert 1e6 <= sum(parameter.numel() for parameter in generator.parameters()) <= 4e6
    assert generator.config.side >= 64
    assert generator.config.labels == LABELS


def test_less_truncation_is_more_diversity_and_never_more_often_right(judge: Judge, generator: Generator) -> None:
    centre, middle, full = (score(judge, made(generator, PER_CLASS, t), PER_CLASS) for t in (0.0, 0.5, 1.0))
    assert centre.class_right == 1.0
    assert centre.class_right >= middle.class_right >= full.class_right >= 0.9
    assert centre.diversity == 0 < middle.diversity < full.diversity
    assert full.diversity >= 0.5 * score(judge, data(PER_CLASS), PER_CLASS).diversity


async def test_the_catalogs_engine_draws_what_the_benchmark_measures(entry: ModelEntry, generator: Generator) -> None:
    engine = load_gan_engine(entry, FakeRecorder(), FakeClock())
    output = await make(engine, ImageSpec(engine.info.variant, f"a {LABELS[3]}", SIDE, SIDE, 7, GanSettings()))
    assert (output.width, output.media_type) == (64, "image/png")
    drawn = np.asarray(Image.open(io.BytesIO(output.content)), int)
    assert np.abs(drawn - made(generator, PER_CLASS, 1.0)[7]).max() <= 1
