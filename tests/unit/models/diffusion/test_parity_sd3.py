"""Stable Diffusion 3, with and without T5: the engine's pictures against diffusers' own pipelines."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusion3Img2ImgPipeline, StableDiffusion3Pipeline
from numpy.typing import NDArray
from PIL import Image

from gitex.ports import ImageEngine
from models.diffusion.load import load_diffusion_engine
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, smooth_picture
from tests.unit.models.diffusion.peer import Peer
from tests.unit.models.diffusion.test_parity import RealClock, entry_of, picture_of
from tests.unit.models.diffusion.tiny_pipeline_sd3 import save_tiny_sd3

KINDS: dict[str, dict[str, Any]] = {
    "t5": {},
    "no-t5": {"with_t5": False},
    "dynamic": {"with_t5": False, "use_dynamic_shifting": True, "base_shift": 0.9, "max_shift": 1.7},
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS.keys())
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sd3(tmp_path_factory.mktemp("sd3"), **request.param)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[ImageEngine]:
    engine = load_diffusion_engine(entry_of(folder), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def peer(folder: Path) -> Peer:
    left_out = {} if (folder / "text_encoder_3").exists() else {"text_encoder_3": None, "tokenizer_3": None}
    from_text = StableDiffusion3Pipeline.from_pretrained(folder, **left_out)
    from_picture = StableDiffusion3Img2ImgPipeline(**from_text.components)

    def run(case: Case) -> NDArray[np.int64]:
        pipeline, start = from_text, {}
        if case.image is not None:
            pipeline = from_picture
            start = {"image": Image.open(io.BytesIO(case.image)), "strength": case.strength}
        pipeline.set_progress_bar_config(disable=True)
        picture = pipeline(
            case.prompt,
            negative_prompt=case.negative or None,
            num_inference_steps=case.steps,
            guidance_scale=case.guidance,
            generator=torch.Generator().manual_seed(case.seed),
            width=case.width,
            height=case.height,
            **start,
        ).images[0]
        return np.asarray(picture).astype(np.int64)

    return run


PICTURE, WIDE = smooth_picture(1), smooth_picture(2, 48, 16)
CASES = {
    "guided": Case(guidance=5.0, sampler="flow_euler"),
    "unguided": Case(guidance=1.0, sampler="flow_euler", seed=5),
    "negative": Case("blue", guidance=6.0, negative="a red circle", sampler="flow_euler", seed=3, steps=5),
    "wide": Case("circle " * 20, guidance=3.0, sampler="flow_euler", width=48, height=16),
    "image": Case(image=PICTURE, strength=0.6, guidance=3.0, steps=5, sampler="flow_euler"),
    "image-wide": Case(image=WIDE, width=48, height=16, strength=0.25, steps=8, sampler="flow_euler", negative="red"),
    "image-odd": Case(image=PICTURE, strength=0.5, steps=5, sampler="flow_euler"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_picture_equals_diffusers_own(engine: ImageEngine, peer: Peer, case: Case) -> None:
    ours, theirs = await picture_of(engine, case), peer(case)
    assert ours.shape == theirs.shape == (case.height, case.width, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.05  # rounded alike, too


async def test_the_comparison_can_tell_pictures_apart(engine: ImageEngine, peer: Peer) -> None:
    base = Case(guidance=6.0, negative="a blue background", sampler="flow_euler")
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
