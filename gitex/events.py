"""What an engine says while it works. The sets are closed: a reader handles each kind, the last `else` raises."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Queued:
    """The request waits; `ahead` others are in front of it."""

    ahead: int


@dataclass(frozen=True)
class Step:
    """Denoising step `index` of `total` (counted from 1) is done."""

    index: int
    total: int
    preview: bytes | None = None
    """A PNG of the predicted clean picture, when one was asked for and due."""


@dataclass(frozen=True)
class StageSeconds:
    """Where a request's time went."""

    queue: float = 0.0
    encode: float = 0.0
    denoise: float = 0.0
    decode: float = 0.0


@dataclass(frozen=True)
class ImageOutput:
    """A finished picture, encoded. The same pixels always give the same bytes."""

    content: bytes
    media_type: Literal["image/png"]
    width: int
    height: int
    stages: StageSeconds


@dataclass(frozen=True)
class Finished:
    """The last event of a picture."""

    output: ImageOutput


ImageEvent = Queued | Step | Finished


@dataclass(frozen=True)
class TextDelta:
    """More text: `tokens` new tokens that read `text` (which may be empty while a character is incomplete)."""

    text: str
    tokens: int


@dataclass(frozen=True)
class TextFinished:
    """The last event of a text."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


TextEvent = Queued | TextDelta | TextFinished
