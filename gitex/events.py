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
class Execution:
    """What, besides the spec, may change a picture's last bits: what running it again must be compared with."""

    strict: bool
    """Whether the same spec gives the same bytes on this device and software, whoever shares the batch."""
    device: str
    """`cpu: AMD EPYC`, `cuda: NVIDIA H100 80GB`."""
    dtype: str
    """`float32`, `float16`, `bfloat16`."""
    versions: tuple[str, ...]
    """`torch 2.13.0+cpu`, `diffusers 0.42.1`, ..."""


@dataclass(frozen=True)
class ImageOutput:
    """A finished picture, encoded. The same pixels always give the same bytes."""

    content: bytes
    media_type: Literal["image/png", "image/webp"]
    width: int
    height: int
    stages: StageSeconds
    execution: Execution | None = None


@dataclass(frozen=True)
class Finished:
    """The last event of a picture."""

    output: ImageOutput


ImageEvent = Queued | Step | Finished


@dataclass(frozen=True)
class TokenLogprob:
    """How likely the model held a token to be, before temperature, penalties and constraint had their say."""

    token: str
    content: bytes
    """The token's bytes, which need not be whole characters."""
    logprob: float
    """Natural logarithm of the probability, at most 0."""
    top: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens in its place, likeliest first."""


@dataclass(frozen=True)
class TextDelta:
    """More text: `tokens` new tokens that read `text` (which may be empty while a character is incomplete)."""

    text: str
    tokens: int
    logprobs: tuple[TokenLogprob, ...] = ()
    """Those of the tokens that `text` was read from, if the spec asked for them; no stop tokens."""


@dataclass(frozen=True)
class TextFinished:
    """The last event of a text."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


TextEvent = Queued | TextDelta | TextFinished
