"""Pipelines without a denoiser of ours: loaded from their folders, run whole, equal to diffusers by itself."""

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, LatentConsistencyModelPipeline, UNet2DModel
from diffusers import StableDiffusionInpaintPipeline as InpaintPipeline
from numpy.typing import NDArray
from PIL import Image

from configs.catalog import AdapterEntry
from gitex.errors import EngineFailure, InvalidInput, SettingsError
from gitex.events import Step
from gitex.ports import ImageEngine
from gitex.specs import DiffusionSettings
from models.diffusion.load import load_diffusion_engine
from models.diffusion.whole_pipeline import SAMPLER, OnStep, WholePipeline
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, left_half_mask, smooth_picture
from tests.unit.models.diffusion.test_parity import RealClock, entry_of, picture_of
from tests.unit.models.diffusion.tiny_pipeline_whole import save_tiny_consistency_model, save_tiny_inpainting


@pytest.fixture(scope="module")
def consistency_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_consistency_model(tmp_path_factory.mktemp("lcm"))


@pytest.fixture(scope="module")
def consistency(consistency_folder: Path) -> Iterator[ImageEngine]:
    engine = load_diffusion_engine(entry_of(consistency_folder), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


async def test_the_model_says_how_it_runs(consistency: ImageEngine) -> None:
    image = consistency.info.image
    assert image is not None
    assert (image.batching, image.samplers, image.default_sampler) == ("request", (SAMPLER,), SAMPLER)
    assert not image.takes_images


async def test_a_picture_equals_diffusers_own_and_every_step_is_told(
    consistency: ImageEngine, consistency_folder: Path
) -> None:
    case = Case(steps=3, guidance=4.0, sampler=SAMPLER, seed=9, width=48, height=16)
    pipeline = LatentConsistencyModelPipeline.from_pretrained(consistency_folder)
    pipeline.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 3, "guidance_scale": 4.0, "width": 48, "height": 16}
    theirs = pipeline(case.prompt, generator=torch.Generator().manual_seed(9), **options).images[0]
    assert (await picture_of(consistency, case) == np.asarray(theirs)).all()
    case.variant = consistency.info.variant
    events = [event async for event in consistency.generate(case.spec(), case.context())]
    assert [event for event in events if isinstance(event, Step)] == [Step(i, 3) for i in (1, 2, 3)]


async def test_what_the_pipeline_cannot_honour_is_refused(consistency: ImageEngine) -> None:
    picture = smooth_picture(1)
    for change in ({"negative": "blue"}, {"image": picture}, {"style": picture}, {"sampler": "euler"}):
        with pytest.raises(InvalidInput):
            await picture_of(consistency, Case(**{"sampler": SAMPLER, **change}))


async def test_an_inpainting_model_runs_from_a_picture_and_a_mask(tmp_path: Path) -> None:
    folder = save_tiny_inpainting(tmp_path)
    engine = load_diffusion_engine(entry_of(folder), MemoryRecorder(), RealClock())
    case = Case(image=smooth_picture(1), mask=left_half_mask(), strength=0.7, steps=5, guidance=3.0, sampler=SAMPLER)
    ours = await picture_of(engine, case)
    assert engine.info.image is not None
    assert engine.info.image.takes_images
    for missing in ({"mask": None}, {"image": None, "mask": None}):
        with pytest.raises(InvalidInput):
            await picture_of(engine, Case(**{**vars(case), **missing}))
    await engine.close()
    pipeline = InpaintPipeline.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    assert case.image is not None
    assert case.mask is not None
    theirs = pipeline(
        case.prompt,
        image=Image.open(io.BytesIO(case.image)),
        mask_image=Image.open(io.BytesIO(case.mask)).convert("RGB"),
        strength=0.7,
        num_inference_steps=5,
        guidance_scale=3.0,
        width=32,
        height=32,
        generator=torch.Generator().manual_seed(case.seed),
    ).images[0]
    assert np.abs(ours - np.asarray(theirs)).max() <= 1


def test_the_log_says_why_a_model_runs_whole_requests(
    consistency_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "models.diffusion.load"):
        engine = load_diffusion_engine(entry_of(consistency_folder), MemoryRecorder(), RealClock())
    asyncio.run(engine.close())
    assert "no denoiser for LatentConsistencyModelPipeline" in caplog.text


def test_adapters_need_a_model_that_runs_step_by_step(consistency_folder: Path) -> None:
    entry = entry_of(consistency_folder, adapters={"ink": AdapterEntry(source="anywhere")})
    with pytest.raises(SettingsError, match="adapters"):
        load_diffusion_engine(entry, MemoryRecorder(), RealClock())


def test_a_pipeline_that_takes_no_prompt_is_refused(tmp_path: Path) -> None:
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    unet = UNet2DModel(8, block_out_channels=(4,), norm_num_groups=2, attention_head_dim=2, **blocks)
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(tmp_path)
    with pytest.raises(SettingsError, match="takes no prompt"):
        load_diffusion_engine(entry_of(tmp_path), MemoryRecorder(), RealClock())


class OlderPipeline:
    """As pipelines were before `callback_on_step_end`; `picture` is what it makes."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, picture: NDArray[np.float32]) -> None:
        self._picture = picture

    def __call__(
        self, prompt: str, num_inference_steps: int, generator: torch.Generator, output_type: str, callback: Any
    ) -> SimpleNamespace:
        for index in range(num_inference_steps):
            callback(index, torch.tensor(0), torch.zeros(1))
        return SimpleNamespace(images=self._picture[None])


def run(pipeline: OlderPipeline, on_step: OnStep) -> NDArray[np.uint8]:
    case = Case(steps=3, sampler=SAMPLER)
    spec = case.spec()
    assert isinstance(spec.settings, DiffusionSettings)
    return WholePipeline(pipeline).run(spec, spec.settings, case.context(), on_step)


def test_an_older_pipeline_tells_its_steps_and_can_be_stopped_too() -> None:
    told: list[tuple[int, int]] = []

    def on_step(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 5:
            raise KeyboardInterrupt

    pipeline = OlderPipeline(np.full((32, 32, 3), 0.5, np.float32))
    assert (run(pipeline, on_step) == 128).all()
    with pytest.raises(KeyboardInterrupt):
        run(pipeline, on_step)
    assert told == [(1, 3), (2, 3), (3, 3), (1, 3), (2, 3)]


def test_a_pipeline_without_a_guidance_scale_accepts_only_one() -> None:
    pipeline = WholePipeline(OlderPipeline(np.zeros((32, 32, 3), np.float32)))
    for guidance, accepted in ((1.0, True), (2.0, False)):
        settings = Case(guidance=guidance, sampler=SAMPLER).spec().settings
        assert isinstance(settings, DiffusionSettings)
        if accepted:
            pipeline.check(settings)
        else:
            with pytest.raises(InvalidInput, match="guidance"):
                pipeline.check(settings)


@pytest.mark.parametrize(("shape", "value"), [((32, 32, 3), np.nan), ((40, 32, 3), 0.5), ((32, 32), 0.5)])
def test_what_is_no_picture_of_the_wanted_size_is_a_failure(shape: tuple[int, ...], value: float) -> None:
    with pytest.raises(EngineFailure):
        run(OlderPipeline(np.full(shape, value, np.float32)), lambda done, total: None)
