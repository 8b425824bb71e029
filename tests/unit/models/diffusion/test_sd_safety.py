"""The safety checker of a pipeline's folder, with random weights and thresholds that the test sets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor

from gitex.errors import ContentRefused, SettingsError
from models.diffusion.load import load_diffusion_engine
from models.diffusion.sd_safety import CATEGORY, load_safety_checker
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, pixels_of, smooth_picture
from tests.unit.models.diffusion.test_parity import RealClock, entry_of, picture_of
from tests.unit.models.diffusion.tiny_pipeline import save_tiny_pipeline

CPU = torch.device("cpu")


def save_checker(folder: Path, threshold: float, concept: torch.Tensor | None = None) -> Path:
    """Beside a pipeline; it refuses pictures whose cosine similarity to the concept is above the threshold."""
    torch.manual_seed(23)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    checker.concept_embeds.data.copy_(torch.ones(8) if concept is None else concept)
    checker.concept_embeds_weights.data.fill_(threshold)
    checker.special_care_embeds_weights.data.fill_(2.0)
    checker.save_pretrained(folder / "safety_checker")
    size = {"crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 32}}
    CLIPImageProcessor(**size).save_pretrained(folder / "feature_extractor")
    return folder


def test_pictures_over_the_threshold_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    picture = pixels_of(smooth_picture(1, 48, 40)).astype(np.uint8)
    before = picture.copy()
    assert load_safety_checker(save_checker(tmp_path / "all", -1.1), CPU).refuses_picture(picture) == CATEGORY
    assert load_safety_checker(save_checker(tmp_path / "none", 1.1), CPU).refuses_picture(picture) is None
    assert (picture == before).all()


def test_it_looks_at_the_picture(tmp_path: Path) -> None:
    pictures = [pixels_of(smooth_picture(seed)).astype(np.uint8) for seed in (1, 2)]
    plain = load_safety_checker(save_checker(tmp_path, 1.1), CPU)
    seen = plain._processor([pictures[0]], return_tensors="pt").pixel_values
    with torch.inference_mode():
        concept = plain._checker.visual_projection(plain._checker.vision_model(seen)[1])[0]
    knows_one = load_safety_checker(save_checker(tmp_path, 0.998, concept), CPU)
    assert [knows_one.refuses_picture(picture) for picture in pictures] == [CATEGORY, None]
    assert knows_one.refuses_prompt("anything") is None


async def test_an_engine_with_the_checker_refuses_with_the_category(tmp_path: Path) -> None:
    folder = save_checker(save_tiny_pipeline(tmp_path, "tiny"), -1.1)
    for safety, refuses in (("pipeline", True), ("none", False)):
        engine = load_diffusion_engine(entry_of(folder, safety=safety), MemoryRecorder(), RealClock())
        if refuses:
            with pytest.raises(ContentRefused) as caught:
                await picture_of(engine, Case(steps=1))
            assert caught.value.category == CATEGORY
        else:
            await picture_of(engine, Case(steps=1))
        await engine.close()


def test_a_folder_without_a_checker_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(SettingsError, match="no safety checker") as caught:
        load_diffusion_engine(entry_of(tiny_folder, safety="pipeline"), MemoryRecorder(), RealClock())
    assert caught.value.param == "safety"
