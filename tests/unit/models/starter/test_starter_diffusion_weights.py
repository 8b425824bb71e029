"""The two versions that ship: whole, small, and able to draw what was never trained on."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from benchmarks.starter.emblem_judge import judge_emblem
from benchmarks.starter.postcard_judge import judge_postcard
from configs.catalog import load_catalog
from models.diffusion.pipelines import load_pipeline
from models.registry.sources import checked_digest, resolve_source
from models.starter.emblems import Pixels
from models.starter.pictures import prompts_of_emblems, prompts_of_postcards

VERSIONS = ("starter-diffusion@1", "starter-diffusion@2")


def _pictures(pipeline: StableDiffusionPipeline, prompts: list[str]) -> list[Pixels]:
    pipeline.set_progress_bar_config(disable=True)
    out = pipeline(
        prompts,
        num_inference_steps=10,
        guidance_scale=load_catalog().entry("starter-diffusion").diffusion.guidance_scale,
        height=128,
        width=128,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    )
    return [(picture * 255).round().astype(np.uint8) for picture in out.images]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_catalog_knows_the_weights(version: str) -> None:
    entry = load_catalog().entry(version)
    folder = resolve_source(entry.source)
    assert checked_digest(entry, folder) == entry.digest
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 12 << 20


def test_the_bare_name_is_the_second_version() -> None:
    assert load_catalog().entry("starter-diffusion").id == VERSIONS[1]


def test_the_second_version_draws_emblems_and_postcards_it_never_saw() -> None:
    folder = resolve_source(load_catalog().entry("starter-diffusion").source)
    pipeline = load_pipeline(folder, torch.device("cpu"), torch.float32)
    emblems, postcards = prompts_of_emblems(8), prompts_of_postcards(4)
    prompts = [*(wanted.caption() for wanted in emblems), *(wanted.caption() for wanted in postcards)]
    pictures = _pictures(pipeline, prompts)
    drawn = [judge_emblem(picture, wanted) for picture, wanted in zip(pictures[:8], emblems, strict=True)]
    for part in ("background", "foreground"):
        assert sum(verdict[part] for verdict in drawn) >= 7
    assert sum(verdict["shape"] for verdict in drawn) >= 6
    seen = [judge_postcard(picture, wanted) for picture, wanted in zip(pictures[8:], postcards, strict=True)]
    assert sum(sum(verdict.values()) for verdict in seen) >= 7


def test_words_of_ones_own_are_understood() -> None:
    folder = resolve_source(load_catalog().entry("starter-diffusion").source)
    pipeline = load_pipeline(folder, torch.device("cpu"), torch.float32)
    said = ["I want a huge crimson disc, black background", "tiny golden crescent on navy"]
    meant = [
        "a large red circle on a black background, flat style",
        "a small yellow moon on a blue background, flat style",
    ]
    with torch.no_grad():
        (one, two), (first, second) = (
            pipeline.encode_prompt(texts, torch.device("cpu"), 1, False)[0][:, -1] for texts in (said, meant)
        )
    near = torch.nn.functional.cosine_similarity
    assert near(one, first, dim=0) > near(one, second, dim=0) + 0.2
    assert near(two, second, dim=0) > near(two, first, dim=0) + 0.2
