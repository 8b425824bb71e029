"""The engine's pictures against diffusers' own pipelines."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from configs.catalog import DiffusionDefaults, EngineOptions, ModelEntry
from gitex.errors import SettingsError, WeightsMismatch
from gitex.events import Finished
from models.diffusion.engine import DiffusionEngine
from models.diffusion.load import load_diffusion_engine, load_pipeline
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, left_half_mask, pixels_of, smooth_picture
from tests.unit.models.diffusion.peer import Peer, peer_of


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
def peer(folder: Path) -> Peer:
    return peer_of(folder)


def samplers_of(engine: DiffusionEngine) -> tuple[str, ...]:
    assert engine.info.image is not None
    return engine.info.image.samplers


async def picture_of(engine: DiffusionEngine, case: Case, previews: int = 0) -> NDArray[np.int64]:
    case.variant = engine.info.variant
    async for event in engine.generate(case.spec(), case.context(previews=previews)):
        if isinstance(event, Finished):
            return pixels_of(event.output.content)
    raise AssertionError("no picture came")


PICTURE, WIDE, MASK = smooth_picture(1), smooth_picture(2, 48, 16), left_half_mask()
CASES = {
    "plain": Case(),
    "unguided": Case(guidance=0.5, sampler="euler", seed=2**64 - 1),
    "negative": Case(guidance=6.0, negative="a blue background", seed=3),
    "euler": Case("blue", guidance=6.0, sampler="euler", negative="red circle", seed=4, steps=7),
    "long-wide": Case("a red circle " * 20, guidance=2.5, sampler="euler", width=48, height=16),
    "one-step": Case("", guidance=3.0, steps=1),
    "ancestral": Case(guidance=4.0, sampler="euler_ancestral", steps=6, seed=8),
    "dpmpp": Case(guidance=4.0, sampler="dpmpp_2m", steps=6),
    "karras": Case(guidance=4.0, sampler="dpmpp_2m_karras", steps=7),
    "image": Case(image=PICTURE, strength=0.6, guidance=3.0, steps=5),
    "image-wide": Case(image=WIDE, width=48, height=16, strength=0.35, steps=8, sampler="euler"),
    "image-dpmpp": Case(image=PICTURE, strength=0.8, steps=6, sampler="dpmpp_2m", guidance=2.0, negative="red"),
    "image-ancestral": Case(image=PICTURE, strength=0.5, steps=6, sampler="euler_ancestral"),
    "image-full": Case(image=PICTURE, strength=1.0, steps=4),
    "inpaint": Case(image=PICTURE, mask=MASK, strength=0.7, steps=6, guidance=3.0),
    "inpaint-full": Case(image=PICTURE, mask=MASK, strength=1.0, steps=5, sampler="euler", guidance=5.0),
    "inpaint-dpmpp": Case(image=PICTURE, mask=MASK, strength=0.9, steps=7, sampler="dpmpp_2m"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_picture_equals_diffusers_own(engine: DiffusionEngine, peer: Peer, case: Case) -> None:
    if case.sampler not in samplers_of(engine):
        pytest.fail(f"{case.sampler} is not offered")
    ours, theirs = await picture_of(engine, case), peer(case)
    assert ours.shape == theirs.shape == (case.height, case.width, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.05  # rounded alike, too


async def test_the_comparison_can_tell_pictures_apart(engine: DiffusionEngine, peer: Peer) -> None:
    """The miniature models are not so dull that everything looks the same."""
    base = Case(guidance=6.0, negative="a blue background", steps=5)
    theirs = peer(base)
    changes = [{"prompt": "blue"}, {"guidance": 3.0}, {"negative": ""}, {"seed": 1}, {"steps": 6}]
    for change in changes:
        other = await picture_of(engine, Case(**{**vars(base), **change}))
        assert np.abs(other - theirs).max() > 3, change


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
    assert info.image.samplers == ("ddim", "dpmpp_2m", "dpmpp_2m_karras", "euler", "euler_ancestral")
    assert info.created == int(os.stat(folder / "unet" / "diffusion_pytorch_model.safetensors").st_mtime)


def test_weights_other_than_the_catalog_s_are_refused(folder: Path) -> None:
    with pytest.raises(WeightsMismatch):
        load_diffusion_engine(entry_of(folder, digest="sha256:" + "0" * 64), MemoryRecorder(), RealClock())


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"a pickle, say")
    with pytest.raises(SettingsError):
        load_diffusion_engine(entry_of(tmp_path), MemoryRecorder(), RealClock())
