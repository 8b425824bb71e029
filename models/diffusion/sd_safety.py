"""The picture checker that Stable Diffusion's folders bring along: CLIP against fixed concepts (arXiv:2210.04610)."""

from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPImageProcessor

from gitex.errors import SettingsError
from models.diffusion.mailbox import Pixels

CATEGORY = "nsfw"
"""Its concepts have no names: they are stored as embeddings only."""


class StableDiffusionSafety:
    """`StableDiffusionSafetyChecker` with its own thresholds. It looks at pictures only, not at prompts."""

    def __init__(self, checker: StableDiffusionSafetyChecker, processor: CLIPImageProcessor) -> None:
        self._checker = checker
        self._processor = processor

    def refuses_prompt(self, prompt: str) -> str | None:
        return None

    @torch.inference_mode()
    def refuses_picture(self, picture: Pixels) -> str | None:
        seen = self._processor([picture], return_tensors="pt").pixel_values
        # It blackens what it refuses, in the array it is given: not in the picture itself.
        _, refused = self._checker(
            clip_input=seen.to(self._checker.device, self._checker.dtype), images=np.zeros((1, 1, 1, 3), np.float32)
        )
        return CATEGORY if refused[0] else None


def load_safety_checker(folder: Path, device: torch.device) -> StableDiffusionSafety:
    """From `safety_checker` and `feature_extractor` of a pipeline's folder. Raises `SettingsError`."""
    try:
        checker = StableDiffusionSafetyChecker.from_pretrained(
            folder / "safety_checker", use_safetensors=True, local_files_only=True
        )
        processor = CLIPImageProcessor.from_pretrained(folder / "feature_extractor", local_files_only=True)
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{folder} has no safety checker: {problem}", param="safety") from problem
    checker.to(device).eval().requires_grad_(False)
    return StableDiffusionSafety(checker, processor)
