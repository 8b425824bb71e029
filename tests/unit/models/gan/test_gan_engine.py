"""The GAN engine over a tiny generator."""

import io
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from gitex import metrics
from gitex.errors import EngineFailure, InvalidInput, Unavailable
from gitex.events import ImageOutput, StageSeconds
from gitex.specs import MAX_SEED, DiffusionSettings, ImageSpec
from gitex.variants import Variant
from models.gan.labels import label_in
from tests.unit.models.gan.tiny_gan import LABELS, SIDE, VARIANT, FakeRecorder, engine, generator, spec

torch.set_num_threads(1)


def _pixels(output: ImageOutput) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(output.content)), np.int16)


def test_a_picture_does_not_depend_on_its_batch_neighbours() -> None:
    made = engine()
    specs = [spec(f"a {LABELS[i % 4]}", seed=i, truncation=i / 8) for i in range(8)]
    together = made.run_batch(specs)
    for wanted, output in zip(specs, together, strict=True):
        assert np.abs(_pixels(output) - _pixels(made.run_batch([wanted])[0])).max() <= 1


def test_the_output_is_a_png_of_the_models_size() -> None:
    output = engine().run_batch([spec()])[0]
    assert (output.media_type, output.width, output.height) == ("image/png", SIDE, SIDE)
    assert _pixels(output).shape == (SIDE, SIDE, 3)
    assert output.stages == StageSeconds(denoise=1.0, decode=1.0)


def test_label_seed_and_truncation_decide_the_picture() -> None:
    made = engine()
    variants = [spec(), spec("blue star"), spec(seed=1), spec(seed=MAX_SEED), spec(truncation=0.5)]
    assert len({output.content for output in made.run_batch(variants)}) == 5
    assert made.run_batch([spec(seed=5)])[0].content == made.run_batch([spec(seed=5)])[0].content


def test_truncation_zero_is_the_mean_of_the_class() -> None:
    made = engine()
    red, red_again, blue = made.run_batch(
        [spec(seed=1, truncation=0), spec(seed=2, truncation=0), spec("blue star", seed=1, truncation=0)]
    )
    assert red.content == red_again.content != blue.content


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("red star", 0),
        ("A small RED STAR, on a blue background!", 0),
        ("a star that is red", 0),
        ("ring", 3),
        ("a moon in blue on red", 2),
    ],
)
def test_the_prompts_label_is_found(prompt: str, label: int) -> None:
    assert label_in(prompt, LABELS) == label


@pytest.mark.parametrize("prompt", ["a cat", "", "star", "a red star and a blue moon", "stars that are reddish"])
def test_a_prompt_without_exactly_one_label_is_refused_with_the_labels(prompt: str) -> None:
    with pytest.raises(InvalidInput, match="red star, blue star, blue moon, ring") as caught:
        engine().validate(spec(prompt))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (spec(side=SIDE * 2), "size"),
        (spec(truncation=1.5), "truncation"),
        (spec(truncation=math.nan), "truncation"),
        (spec(seed=-1), "seed"),
        (spec(seed=MAX_SEED + 1), "seed"),
        (ImageSpec(VARIANT, "red star", SIDE, SIDE, 0, DiffusionSettings(1, 1.0, "ddim")), "settings"),
        (ImageSpec(Variant("other", 1, ""), "red star", SIDE, SIDE, 0, spec().settings), "model"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_by_field(wrong: ImageSpec, param: str) -> None:
    for refuse in (engine().validate, lambda s: engine().run_batch([s])):
        with pytest.raises(InvalidInput) as caught:
            refuse(wrong)
        assert caught.value.param == param


def test_measurements() -> None:
    recorder = FakeRecorder()
    engine(recorder=recorder).run_batch([spec(), spec(seed=1)])
    assert recorder.counts == {metrics.IMAGES.name: 2}
    assert recorder.values == {metrics.BATCH_SIZE.name: [2], metrics.STAGE_SECONDS.name: [1.0] * 4}


def test_pictures_that_are_not_numbers_are_a_failure() -> None:
    broken = generator()
    broken.ground.bias.data.fill_(math.nan)
    with pytest.raises(EngineFailure, match="not numbers"):
        engine(broken).run_batch([spec()])


def test_a_broken_device_fails_the_check() -> None:
    broken = generator()
    broken.last = torch.nn.Conv2d(5, 3, 3)
    made = engine(broken)
    made.check()
    with pytest.raises(EngineFailure):
        made.run_batch([spec()])
    with pytest.raises(EngineFailure):
        made.check()


async def test_a_closed_engine_refuses_work() -> None:
    made = engine()
    await made.close()
    with pytest.raises(Unavailable):
        made.run_batch([spec()])
