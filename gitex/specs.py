"""Specs: frozen, canonical descriptions of a wanted output. Everything that decides the output, nothing else."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gitex.variants import Variant

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class DiffusionSettings:
    """How a diffusion model is run."""

    steps: int
    guidance_scale: float
    """Classifier-free guidance weight; at 1 or below the unconditional pass is left out, as diffusers does."""
    sampler: str
    negative_prompt: str = ""


@dataclass(frozen=True)
class GanSettings:
    """How a class-conditional generator is run."""

    truncation: float = 1.0
    """0 is the class's mean picture, 1 the full spread."""


@dataclass(frozen=True)
class ImageSpec:
    """One picture."""

    variant: Variant
    prompt: str
    width: int
    height: int
    seed: int
    settings: DiffusionSettings | GanSettings

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces, exact floats."""
        return _canonical({"kind": "image", **asdict(self)})

    def digest(self) -> str:
        """Stable across processes and machines: SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class CopySpec:
    """One piece of text."""

    variant: Variant
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps every token."""
    stop: tuple[str, ...] = field(default=())
    seed: int = 0

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces, exact floats."""
        return _canonical({"kind": "copy", **asdict(self)})

    def digest(self) -> str:
        """Stable across processes and machines: SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _canonical(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def image_spec_from_json(text: str) -> ImageSpec:
    """The inverse of `ImageSpec.canonical()`."""
    fields = json.loads(text)
    settings = fields["settings"]
    return ImageSpec(
        variant=Variant(**fields["variant"]),
        prompt=fields["prompt"],
        width=fields["width"],
        height=fields["height"],
        seed=fields["seed"],
        settings=DiffusionSettings(**settings) if "steps" in settings else GanSettings(**settings),
    )
