"""The engine's pictures against diffusers' own pipeline, alone and in company."""

import asyncio
import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from numpy.typing import NDArray

from configs.catalog import DiffusionDefaults, EngineOptions, ModelEntry
from gitex.errors import SettingsError, WeightsMismatch
from gitex.events import Finished, Step
from gitex.ports import RunContext
from models.diffusion.engine import DiffusionEngine
from models.diffusion.load import load_diffusion_engine, load_pipeline
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, pixels_of

# numpy 2 complains of the line in which EulerDiscreteScheduler turns a tensor into an array.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class RealClock:
    def now(self) -> float:
        return time.monotonic()


DEFAULTS = DiffusionDefaults(width=32, height=32, min_side=16, max_side=64, steps=4, max_steps=50)


def entry_of(folder: Path, **options: Any) -> ModelEntry:
    engine = EngineOptions(device="cpu", threads=1, max_batch=8, max_waiting=32)
    return ModelEntry(
        name="m", version=1, kind="diffusion", source=str(folder), engine=engine, diffusion=DEFAULTS, **options
    )


@pytest.fixture(scope="module", params=["kl", "tiny"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(f"{request.param}_folder")
    return found


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[DiffusionEngine]:
    engine = load_diffusion_engine(entry_of(folder), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def peer(folder: Path) -> Any:
    pipeline = load_pipeline(folder, torch.device("cpu"), torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    config = {**pipeline.scheduler.config, "clip_sample": False}
    schedulers = {
        "ddim": functools.partial(DDIMScheduler.from_config, config),
        "euler": functools.partial(EulerDiscreteScheduler.from_config, config),
    }

    def run(case: Case) -> NDArray[np.int64]:
        pipeline.scheduler = schedulers[case.sampler]()
        picture = pipeline(
            case.prompt,
            negative_prompt=case.negative,
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            width=case.width,
            height=case.height,
            generator=torch.Generator().manual_seed(case.seed),
        ).images[0]
        return np.asarray(picture).astype(np.int64)

    return run


async def picture_of(engine: DiffusionEngine, case: Case, previews: int = 0) -> NDArray[np.int64]:
    case.variant = engine.info.variant
    async for event in engine.generate(case.spec(), RunContext("r", previews=previews)):
        if isinstance(event, Finished):
            return pixels_of(event.output.content)
    raise AssertionError("no picture came")


CASES = [
    Case(),
    Case(guidance=0.5, sampler="euler", seed=2**64 - 1),
    Case(guidance=6.0, negative="a blue background", seed=3),
    Case("blue", guidance=6.0, sampler="euler", negative="red circle", seed=4, steps=7),
    Case("a red circle " * 20, guidance=2.5, sampler="euler", width=48, height=16),
    Case("", guidance=3.0, steps=1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.sampler}-{case.guidance}-{case.steps}")
async def test_a_picture_equals_diffusers_own(engine: DiffusionEngine, peer: Any, case: Case) -> None:
    ours, theirs = await picture_of(engine, case), peer(case)
    assert ours.shape == theirs.shape == (case.height, case.width, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.05  # rounded alike, too


async def test_the_comparison_can_tell_pictures_apart(engine: DiffusionEngine, peer: Any) -> None:
    """The miniature models are not so dull that everything looks the same."""
    base = Case(guidance=6.0, negative="a blue background", steps=5)
    theirs = peer(base)
    changes = [{"prompt": "blue"}, {"guidance": 3.0}, {"negative": ""}, {"seed": 1}, {"steps": 6}]
    for change in changes:
        other = await picture_of(engine, Case(**{**vars(base), **change}))
        assert np.abs(other - theirs).max() > 3, change


async def test_sixteen_mixed_requests_each_equal_their_solo_result(engine: DiffusionEngine) -> None:
    cases = [
        Case(
            prompt=("a red circle", "a blue background", "circle")[i % 3],
            steps=2 + i % 5,
            guidance=(1.0, 4.0, 7.5)[i % 3],
            sampler=("ddim", "euler")[i // 2 % 2],
            seed=i,
            negative=("", "red")[i % 2],
            width=(32, 48)[i % 4 == 3],
            variant=engine.info.variant,
        )
        for i in range(16)
    ]
    leavers = {5, 10}
    solo = [await picture_of(engine, case) for i, case in enumerate(cases) if i not in leavers]

    async def arrive(i: int) -> NDArray[np.int64] | None:
        stays = engine.generate(cases[i].spec(), RunContext(str(i), tenant=f"t{i % 3}", previews=i % 2))
        picture = None
        async for event in stays:
            if i in leavers and isinstance(event, Step):
                break
            if isinstance(event, Finished):
                picture = pixels_of(event.output.content)
        await stays.aclose()
        return picture

    tasks = []
    for i in range(16):
        tasks.append(asyncio.ensure_future(arrive(i)))
        if i % 4 == 3:
            await picture_of(engine, Case(steps=1))  # lets some steps go by
    together = await asyncio.gather(*tasks)
    assert [i for i, picture in enumerate(together) if picture is None] == sorted(leavers)
    for ours, alone in zip([p for p in together if p is not None], solo, strict=True):
        assert np.abs(ours - alone).max() <= 1


async def test_a_16_bit_model_draws_the_picture_that_diffusers_draws_in_16_bit(tiny_folder: Path) -> None:
    options = EngineOptions(device="cpu", dtype="bfloat16", threads=1)
    entry = entry_of(tiny_folder).model_copy(update={"engine": options})
    engine = load_diffusion_engine(entry, MemoryRecorder(), RealClock())
    pipeline = load_pipeline(tiny_folder, torch.device("cpu"), torch.bfloat16)
    pipeline.set_progress_bar_config(disable=True)
    case = Case(steps=4)
    ours = await picture_of(engine, case)
    await engine.close()
    theirs = np.asarray(
        pipeline(
            case.prompt,
            num_inference_steps=case.steps,
            guidance_scale=1.0,
            width=32,
            height=32,
            generator=torch.Generator().manual_seed(case.seed),
        ).images[0]
    )
    assert np.abs(ours - theirs.astype(np.int64)).mean() < 4


def test_the_engine_says_what_it_is(engine: DiffusionEngine, folder: Path) -> None:
    info = engine.info
    assert info.image is not None
    assert (info.variant.id, info.kind, info.image.side_multiple) == ("m@1", "diffusion", 8)
    assert info.image.samplers == ("ddim", "euler")
    assert info.created == int(os.stat(folder / "unet" / "diffusion_pytorch_model.safetensors").st_mtime)


def test_weights_other_than_the_catalog_s_are_refused(folder: Path) -> None:
    with pytest.raises(WeightsMismatch):
        load_diffusion_engine(entry_of(folder, digest="sha256:" + "0" * 64), MemoryRecorder(), RealClock())


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"a pickle, say")
    with pytest.raises(SettingsError):
        load_diffusion_engine(entry_of(tmp_path), MemoryRecorder(), RealClock())
