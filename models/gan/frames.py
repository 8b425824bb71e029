"""From a spec to the rows of a forward pass: one for a still picture, one a frame for an interpolation."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gitex.errors import InvalidInput
from gitex.specs import MAX_SEED, GanSettings, ImageSpec
from models.gan.labels import label_in
from models.gan.network import GeneratorConfig

MAX_FRAMES = 60


@dataclass(frozen=True)
class Frame:
    """One row: everything that decides one picture. Labels by their number."""

    seed: int
    label: int
    truncation: float
    other: int
    """The second class; the same as `label` if none is mixed in."""
    weight: float
    """0 to 1: how much of `other`."""
    end_seed: int
    position: float
    """0 to 1: how far the latent is on its way from `seed`'s to `end_seed`'s."""


def frames_of(spec: ImageSpec, config: GeneratorConfig) -> list[Frame]:
    """The frames of `spec`, in order. Raises `InvalidInput`, naming the field, for what a generator cannot run."""
    if not isinstance(spec.settings, GanSettings):
        raise InvalidInput("this model takes GAN settings", param="settings")
    settings = spec.settings
    if (spec.width, spec.height) != (config.side, config.side):
        raise InvalidInput(f"this model makes pictures of {config.side}x{config.side} only", param="size")
    _check_seed(spec.seed, "seed")
    if not 0 <= settings.truncation <= 1:
        raise InvalidInput("truncation must be 0 to 1", param="truncation")
    label = label_in(spec.prompt, config.labels)
    other = _other(settings, label, config.labels)
    count = _count(settings)
    end_seed = spec.seed if settings.end_seed is None else settings.end_seed
    return [
        Frame(spec.seed, label, settings.truncation, other, settings.mix_weight, end_seed, i / max(1, count - 1))
        for i in range(count)
    ]


def latent_of(frame: Frame, size: int) -> Tensor:
    """The latent (1, size), float32, drawn on the CPU by the request's own generators: the same on every device."""
    start = _latent(frame.seed, size)
    return start if frame.position == 0 else slerp(start, _latent(frame.end_seed, size), frame.position)


def slerp(start: Tensor, end: Tensor, position: float) -> Tensor:
    """Between two latents (1, size) on a great circle, `position` 0..1, so that no frame is nearer to zero, where
    a generator has learnt nothing (arXiv:1609.04468). Falls back to the straight line where they are parallel."""
    # A hair beyond 1 by rounding has no arc cosine.
    angle = math.acos(max(-1.0, min(1.0, torch.cosine_similarity(start, end).item())))
    if math.sin(angle) < 1e-4:
        return torch.lerp(start, end, position)
    return (math.sin((1 - position) * angle) * start + math.sin(position * angle) * end) / math.sin(angle)


def _other(settings: GanSettings, label: int, labels: tuple[str, ...]) -> int:
    if not 0 <= settings.mix_weight <= 1:
        raise InvalidInput("mix_weight must be 0 to 1", param="mix_weight")
    if settings.mix_label:
        return label_in(settings.mix_label, labels, param="mix_label")
    if settings.mix_weight:
        raise InvalidInput("mix_weight needs a mix_label", param="mix_weight")
    return label


def _count(settings: GanSettings) -> int:
    if settings.end_seed is None:
        if settings.frames != 1:
            raise InvalidInput("frames needs an end_seed to go to", param="frames")
        return 1
    _check_seed(settings.end_seed, "end_seed")
    if not 2 <= settings.frames <= MAX_FRAMES:
        raise InvalidInput(f"frames must be 2 to {MAX_FRAMES} on the way to an end_seed", param="frames")
    return settings.frames


def _check_seed(seed: int, param: str) -> None:
    if not 0 <= seed <= MAX_SEED:
        raise InvalidInput(f"{param} must be from 0 to 2**64 - 1", param=param)


def _latent(seed: int, size: int) -> Tensor:
    return torch.randn(1, size, generator=torch.Generator().manual_seed(seed))
