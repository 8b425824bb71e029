"""A model that computes nothing much and takes its steps when the test lets it."""

import threading
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from models.diffusion.mailbox import Pixels

PATIENCE = 30.0
"""Seconds after which a test that waits for the engine thread gives up."""


@dataclass
class GatedDenoiser:
    """A `models.diffusion.denoiser.Denoiser`. Prompts become their length, so that `passes` tells who was in a pass."""

    gated: bool = False
    passes: list[list[int]] = field(default_factory=list)
    """Of every finished pass, the prompt length of each row."""
    refused: int = 0
    """Passes that did not fit into memory."""
    errors: list[Exception] = field(default_factory=list)
    """Raised by the next passes, one each."""
    memory: int | None = None
    """Rows that fit; more raise an out-of-memory error."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    context_shape: tuple[int, int] = (3, 2)
    latent_channels: int = 4
    latent_factor: int = 8
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def encode(self, prompt: str) -> Tensor:
        if prompt == "unencodable":
            raise ValueError("no tokens for this")
        return torch.full(self.context_shape, float(len(prompt)))

    def predict(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        if self.gated:
            self._entered.release()
            assert self._permits.acquire(timeout=PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        if self.memory is not None and len(latents) > self.memory:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        self.passes.append([int(row[0, 0]) for row in context])
        return latents * 0.5

    def let(self, passes: int = 1) -> None:
        """Let the engine thread through that many passes."""
        for _ in range(passes):
            self._permits.release()

    def wait_inside(self) -> None:
        """Return when the engine thread stands in the next pass."""
        assert self._entered.acquire(timeout=PATIENCE)


@dataclass
class PlainDecoder:
    """A `models.diffusion.decode.Decoder` whose pictures are grey, and which cannot do pictures of `broken_side`."""

    broken_side: int | None = None
    decoded: list[Tensor] = field(default_factory=list)

    def decode(self, latents: Tensor) -> Pixels:
        _, height, width = latents.shape
        if self.broken_side == 8 * height:
            raise RuntimeError("the decoder broke")
        self.decoded.append(latents)
        return np.full((8 * height, 8 * width, 3), 127, np.uint8)
