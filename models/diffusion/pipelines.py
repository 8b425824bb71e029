"""Pipeline folders in the layout of diffusers: which class they name, and how they come onto a device."""

import inspect
import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers.utils import logging as transformers_logging

from gitex.errors import SettingsError


def pipeline_class(folder: Path) -> type[DiffusionPipeline]:
    """The class that the folder's `model_index.json` names. Raises `SettingsError` unless it is one of diffusers' own.

    A folder may not bring code of its own.
    """
    name = _read_index(folder).get("_class_name")
    kind = getattr(diffusers, name) if isinstance(name, str) and hasattr(diffusers, name) else None
    if not (inspect.isclass(kind) and issubclass(kind, DiffusionPipeline)):
        raise SettingsError(f"{folder} names the pipeline class {name!r}, which diffusers has not", param="source")
    return kind


def load_pipeline(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """The folder's pipeline, safetensors only, without its safety checker, ready for inference.

    Raises `SettingsError`.
    """
    kind = pipeline_class(folder)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        pipeline = kind.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, **_left_out(folder, kind)
        )
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{folder} is no {kind.__name__}: {problem}", param="source") from problem
    pipeline.to(device)
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    return pipeline


def _left_out(folder: Path, kind: type[DiffusionPipeline]) -> dict[str, Any]:
    """Its safety checker, and the parts that it was saved without: diffusers must be told of them again."""
    missing = [name for name, part in _read_index(folder).items() if part == [None, None]]
    wanted = inspect.signature(kind.__init__).parameters
    without: dict[str, Any] = {**dict.fromkeys([*missing, "safety_checker"]), "requires_safety_checker": False}
    return {name: value for name, value in without.items() if name in wanted}


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index = json.loads((folder / "model_index.json").read_text())
    except (OSError, ValueError) as problem:
        raise SettingsError(f"{folder} is no diffusers pipeline: {problem}", param="source") from problem
    if not isinstance(index, dict):
        raise SettingsError(f"{folder} is no diffusers pipeline", param="source")
    return index
