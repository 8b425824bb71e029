"""Specs: frozen, canonical descriptions of a wanted output. Everything that decides the output, nothing else."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gitex.variants import Variant

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class SourceImage:
    """A picture to begin from, instead of pure noise."""

    sha256: str
    """Of the encoded picture's bytes, which travel beside the spec: see `RunContext.pictures`."""
    strength: float
    """Above 0, up to 1: how much of the way to noise the picture goes before it comes back; 1 forgets it."""
    mask: str = ""
    """SHA-256 of a mask's bytes: white is painted anew, black is kept. Empty: everything may change."""


@dataclass(frozen=True)
class StyleImage:
    """A picture to take the look from, not the contents."""

    sha256: str
    weight: float = 1.0
    """0 to 1: how far the latents' statistics move to this picture's."""


@dataclass(frozen=True)
class Adapter:
    """A low-rank adapter (LoRA, arXiv:2106.09685) over the variant's weights."""

    name: str
    weights_digest: str
    weight: float = 1.0


@dataclass(frozen=True)
class DiffusionSettings:
    """How a diffusion model is run."""

    steps: int
    guidance_scale: float
    """Classifier-free guidance weight; at 1 or below the unconditional pass is left out, as diffusers does."""
    sampler: str
    negative_prompt: str = ""
    source: SourceImage | None = None
    style: StyleImage | None = None
    adapters: tuple[Adapter, ...] = ()
    strict: bool = False
    """Every forward pass has one fixed number of rows: the same bytes whoever shares it, at some cost in speed."""


@dataclass(frozen=True)
class GanSettings:
    """How a class-conditional generator is run."""

    truncation: float = 1.0
    """0 is the class's mean picture, 1 the full spread."""
    mix_label: str = ""
    """A second class to mix in; empty for none."""
    mix_weight: float = 0.0
    """0 to 1: how much of the second class."""
    end_seed: int | None = None
    """The seed where an interpolation ends; None makes one still picture."""
    frames: int = 1
    """Pictures of the interpolation, an animated WebP."""


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
class Constraint:
    """The form that a text must have: no token is chosen that would leave it."""

    kind: Literal["json_schema", "lark"]
    text: str
    """A JSON schema as JSON text, or a grammar in llguidance's dialect of Lark."""


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
    repetition_penalty: float = 1.0
    """Above 1 discourages every token of the prompt and of the text so far (CTRL, arXiv:1909.05858); 1 is none."""
    frequency_penalty: float = 0.0
    """Taken off a token's logit for each time the text has it already."""
    presence_penalty: float = 0.0
    """Taken off a token's logit once the text has it."""
    top_logprobs: int | None = None
    """Tell each token's log-probability, and those of this many likeliest tokens; None tells none."""
    constraint: Constraint | None = None

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces, exact floats."""
        return _canonical({"kind": "copy", **asdict(self)})

    def digest(self) -> str:
        """Stable across processes and machines: SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _canonical(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def image_spec_from_json(text: str) -> ImageSpec:
    """The inverse of `ImageSpec.canonical()`; fields that a spec of old lacks have their defaults."""
    fields = json.loads(text)
    settings = fields["settings"]
    return ImageSpec(
        variant=Variant(**fields["variant"]),
        prompt=fields["prompt"],
        width=fields["width"],
        height=fields["height"],
        seed=fields["seed"],
        settings=_diffusion_settings(settings) if "steps" in settings else GanSettings(**settings),
    )


def _diffusion_settings(fields: dict[str, Any]) -> DiffusionSettings:
    source, style = fields.get("source"), fields.get("style")
    return DiffusionSettings(
        **{
            **fields,
            "source": None if source is None else SourceImage(**source),
            "style": None if style is None else StyleImage(**style),
            "adapters": tuple(Adapter(**adapter) for adapter in fields.get("adapters", ())),
        }
    )
