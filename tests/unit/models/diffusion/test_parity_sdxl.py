"""Stable Diffusion XL: the engine's pictures against diffusers' own pipelines."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline
from numpy.typing import NDArray
from PIL import Image

from gitex.ports import ImageEngine
from models.diffusion.load import load_diffusion_engine
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, left_half_mask, smooth_picture
from tests.unit.models.diffusion.peer import Peer, schedulers
from tests.unit.models.diffusion.test_parity import RealClock, entry_of, picture_of
from tests.unit.models.diffusion.tiny_pipeline_sdxl import save_tiny_sdxl


@pytest.fixture(scope="module", params=[True, False], ids=["zeros", "encoded"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With each meaning of an empty negative prompt."""
    return save_tiny_sdxl(tmp_path_factory.mktemp("sdxl"), zeros_for_no_negative=request.param)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[ImageEngine]:
    engine = load_diffusion_engine(entry_of(folder), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def peer(folder: Path) -> Peer:
    whole = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    known = schedulers(dict(whole.scheduler.config))
    options = {"add_watermarker": False, "force_zeros_for_empty_prompt": whole.config.force_zeros_for_empty_prompt}
    kinds = (StableDiffusionXLPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline)
    pipelines = {kind: kind(**whole.components, **options) for kind in kinds}

    def run(case: Case) -> NDArray[np.int64]:
        kind, start = _start(case)
        pipeline = pipelines[kind]
        pipeline.set_progress_bar_config(disable=True)
        pipeline.scheduler = known[case.sampler]()
        picture = pipeline(
            case.prompt,
            negative_prompt=case.negative or None,  # not given, where there is none
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator().manual_seed(case.seed),
            **start,
        ).images[0]
        return np.asarray(picture).astype(np.int64)

    return run


def _start(case: Case) -> tuple[type, dict[str, Any]]:
    size = {"width": case.width, "height": case.height}
    if case.image is None:
        return StableDiffusionXLPipeline, size
    start = {"image": Image.open(io.BytesIO(case.image)), "strength": case.strength}
    if case.mask is None:
        return StableDiffusionXLImg2ImgPipeline, start
    return StableDiffusionXLInpaintPipeline, {**start, **size, "mask_image": Image.open(io.BytesIO(case.mask))}


PICTURE, WIDE, MASK = smooth_picture(1), smooth_picture(2, 48, 16), left_half_mask()
CASES = {
    "guided": Case(guidance=5.0, sampler="euler"),
    "unguided": Case(guidance=1.0, sampler="euler", seed=5),
    "negative": Case("blue", guidance=6.0, negative="a red circle", sampler="ddim", seed=3, steps=5),
    "wide": Case("circle " * 20, guidance=3.0, sampler="euler_ancestral", width=48, height=16),
    "dpmpp": Case(guidance=3.0, sampler="dpmpp_2m_karras", steps=5, width=16, height=32),
    "image": Case(image=PICTURE, strength=0.6, guidance=3.0, steps=5, sampler="euler"),
    "image-wide": Case(image=WIDE, width=48, height=16, strength=0.35, steps=8, sampler="ddim", negative="red"),
    "inpaint": Case(image=PICTURE, mask=MASK, strength=0.7, steps=6, guidance=3.0, sampler="euler", negative="red"),
    "inpaint-full": Case(image=PICTURE, mask=MASK, strength=1.0, steps=4, sampler="ddim", guidance=5.0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_picture_equals_diffusers_own(engine: ImageEngine, peer: Peer, case: Case) -> None:
    ours, theirs = await picture_of(engine, case), peer(case)
    assert ours.shape == theirs.shape == (case.height, case.width, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.05  # rounded alike, too


async def test_the_comparison_can_tell_pictures_apart(engine: ImageEngine, peer: Peer) -> None:
    base = Case(guidance=6.0, negative="a blue background", sampler="euler")
    theirs = peer(base)
    changes = [{"prompt": "blue"}, {"guidance": 3.0}, {"negative": ""}, {"seed": 1}, {"steps": 6}]
    for change in changes:
        other = await picture_of(engine, Case(**{**vars(base), **change}))
        assert np.abs(other - theirs).max() > 3, change


async def test_requests_of_all_kinds_share_steps_and_equal_their_solo_results(engine: ImageEngine) -> None:
    cases = [case for case in CASES.values() if (case.width, case.height) == (32, 32)]
    solo = [await picture_of(engine, case) for case in cases]
    together = await asyncio.gather(*(picture_of(engine, case) for case in cases))
    for ours, alone in zip(together, solo, strict=True):
        assert np.abs(ours - alone).max() <= 1
