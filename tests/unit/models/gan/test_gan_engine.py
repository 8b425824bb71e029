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
from gitex.events import ImageOutput
from gitex.specs import MAX_SEED, DiffusionSettings, ImageSpec
from gitex.variants import Variant
from models.gan.frames import frames_of
from models.gan.labels import label_in
from tests.unit.models.gan.tiny_gan import LABELS, SIDE, VARIANT, FakeRecorder, engine, generator, make, spec

torch.set_num_threads(1)


def _pixels(output: ImageOutput) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(output.content)), np.int16)


def test_a_picture_does_not_depend_on_its_batch_neighbours() -> None:
    made, config = engine(), generator().config
    specs = [spec(f"a {LABELS[i % 4]}", seed=i, truncation=i / 8, mix_label="ring", mix_weight=i / 8) for i in range(8)]
    frames = [frame for wanted in specs for frame in frames_of(wanted, config)]
    for frame, drawn in zip(frames, made.run_batch(frames), strict=True):
        alone = made.run_batch([frame])[0]
        assert np.abs(drawn.pixels.astype(int) - alone.pixels).max() <= 1


async def test_the_output_is_a_png_of_the_models_size_and_says_how_it_ran() -> None:
    output = await make(engine(), spec())
    assert (output.media_type, output.width, output.height) == ("image/png", SIDE, SIDE)
    assert _pixels(output).shape == (SIDE, SIDE, 3)
    assert (output.stages.queue, output.stages.denoise, output.stages.decode) == (2.0, 1.0, 1.0)
    assert output.execution is not None
    assert (output.execution.strict, output.execution.dtype) == (False, "float32")


async def test_label_seed_and_truncation_decide_the_picture() -> None:
    made = engine()
    variants = [spec(), spec("blue star"), spec(seed=1), spec(seed=MAX_SEED), spec(truncation=0.5)]
    assert len({(await make(made, wanted)).content for wanted in variants}) == 5
    assert (await make(made, spec(seed=5))).content == (await make(made, spec(seed=5))).content


async def test_truncation_zero_is_the_centre_of_the_class() -> None:
    made = engine()
    red, red_again = [(await make(made, spec(seed=seed, truncation=0))).content for seed in (1, 2)]
    blue = (await make(made, spec("blue star", seed=1, truncation=0))).content
    assert red == red_again != blue


async def test_mixing_goes_from_one_class_to_the_other() -> None:
    made = engine()
    red, blue = [(await make(made, spec(prompt, truncation=0.5))).content for prompt in ("red star", "blue star")]
    mixed = [
        (await make(made, spec("red star", truncation=0.5, mix_label="a Blue Star", mix_weight=weight))).content
        for weight in (0, 0.5, 1)
    ]
    assert (mixed[0], mixed[2]) == (red, blue)
    assert mixed[1] not in (red, blue)


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
async def test_a_prompt_without_exactly_one_label_is_refused_with_the_labels(prompt: str) -> None:
    with pytest.raises(InvalidInput, match="red star, blue star, blue moon, ring") as caught:
        await make(engine(), spec(prompt))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (spec(side=SIDE * 2), "size"),
        (spec(truncation=1.5), "truncation"),
        (spec(truncation=math.nan), "truncation"),
        (spec(seed=-1), "seed"),
        (spec(seed=MAX_SEED + 1), "seed"),
        (spec(mix_label="a cat", mix_weight=0.5), "mix_label"),
        (spec(mix_label="ring", mix_weight=1.5), "mix_weight"),
        (spec(mix_label="ring", mix_weight=math.nan), "mix_weight"),
        (spec(mix_weight=0.5), "mix_weight"),
        (spec(end_seed=-1, frames=2), "end_seed"),
        (spec(end_seed=MAX_SEED + 1, frames=2), "end_seed"),
        (spec(end_seed=1), "frames"),
        (spec(end_seed=1, frames=61), "frames"),
        (spec(frames=2), "frames"),
        (spec(frames=0), "frames"),
        (ImageSpec(VARIANT, "red star", SIDE, SIDE, 0, DiffusionSettings(1, 1.0, "ddim")), "settings"),
        (ImageSpec(Variant("other", 1, ""), "red star", SIDE, SIDE, 0, spec().settings), "model"),
    ],
)
async def test_a_spec_that_cannot_be_run_is_refused_by_field(wrong: ImageSpec, param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make(engine(), wrong)
    assert caught.value.param == param


async def test_measurements() -> None:
    recorder = FakeRecorder()
    made = engine(recorder=recorder)
    await make(made, spec())
    assert recorder.counts == {metrics.IMAGES.name: 1}
    assert recorder.values == {metrics.BATCH_SIZE.name: [1], metrics.STAGE_SECONDS.name: [2.0, 1.0, 1.0]}


async def test_pictures_that_are_not_numbers_are_a_failure() -> None:
    broken = generator()
    broken.ground.bias.data.fill_(math.nan)
    with pytest.raises(EngineFailure, match="not numbers"):
        await make(engine(broken), spec())


async def test_a_broken_device_fails_the_check() -> None:
    broken = generator()
    broken.last = torch.nn.Conv2d(5, 3, 3)
    made = engine(broken)
    made.check()
    with pytest.raises(EngineFailure):
        await make(made, spec())
    with pytest.raises(EngineFailure):
        made.check()


async def test_a_closed_engine_refuses_work() -> None:
    made = engine()
    await made.close()
    with pytest.raises(Unavailable):
        await make(made, spec())
