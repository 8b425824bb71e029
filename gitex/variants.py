"""What a model is called and what it can do."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["diffusion", "gan", "text"]


@dataclass(frozen=True)
class Variant:
    """One version of one model, with the digest of the very weights that are loaded."""

    name: str
    version: int
    weights_digest: str
    """`sha256:` and 64 hex digits over the model folder, see `models.registry.digest`."""

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class ImageLimits:
    """What an image model accepts. Sides in pixels."""

    default_width: int
    default_height: int
    min_side: int
    max_side: int
    side_multiple: int
    default_steps: int = 1
    max_steps: int = 1
    default_guidance: float = 1.0
    default_sampler: str = ""
    samplers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Class names of a class-conditional model; empty for a model that takes free text."""
    adapters: tuple[tuple[str, str], ...] = ()
    """Name and weights digest of each adapter that a request may choose."""
    takes_images: bool = False
    """Whether a request may begin from a picture, with a mask, or take a picture's style."""
    batching: Literal["step", "request"] = "step"
    """Whether requests share denoising steps, or run whole, one after the other."""


@dataclass(frozen=True)
class TextLimits:
    """What a text model accepts, in tokens."""

    context_length: int
    default_max_tokens: int
    words: tuple[str, ...] = ()
    """All words that a very small model knows, in lower case: its copy has only those and the brief's. Empty: any."""


@dataclass(frozen=True)
class ModelInfo:
    """What a loaded engine says of itself."""

    variant: Variant
    kind: Kind
    created: int
    """Unix seconds of the weights' date, for `/v1/models`."""
    image: ImageLimits | None = None
    text: TextLimits | None = None
