"""A model that computes nothing much and takes its steps when the test lets it."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Generator, Tensor

from models.diffusion.conditioning import Conditioning, Layout
from models.diffusion.decoding import Decoded, Decoding
from models.diffusion.denoisers.protocol import Guidance
from models.diffusion.mailbox import Pixels

PATIENCE = 30.0
"""Seconds after which a test that waits for the engine thread gives up."""


@dataclass
class GatedDenoiser:
    """A `Denoiser`. Prompts become their length, so that `passes` tells who was in a pass."""

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
    layout: Layout = (("context", (3, 2)),)
    guidance: Guidance = "classifier-free"
    latent_channels: int = 4
    latent_factor: int = 8
    side_multiple: int = 8
    adapters: tuple[tuple[str, float], ...] = ()
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        if prompt == "unencodable":
            raise ValueError("no tokens for this")
        return Conditioning({"context": torch.full((3, 2), float(len(prompt)))})

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        return encoded

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        self.adapters = adapters

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        if self.gated:
            self._entered.release()
            assert self._permits.acquire(timeout=PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        if self.memory is not None and len(latents) > self.memory:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        self.passes.append([int(row[0, 0]) for row in conditioning["context"]])
        return latents * 0.5

    def let(self, passes: int = 1) -> None:
        """Let the engine thread through that many passes."""
        for _ in range(passes):
            self._permits.release()

    def wait_inside(self) -> None:
        """Return when the engine thread stands in the next pass."""
        assert self._entered.acquire(timeout=PATIENCE)


@dataclass
class PlainAutoencoder:
    """An `Autoencoder` whose pictures are grey, and which cannot decode those of `broken_side`."""

    broken_side: int | None = None
    decoded: list[Tensor] = field(default_factory=list)

    def encode(self, picture: Pixels, generator: Generator) -> Tensor:
        height, width, _ = picture.shape
        return torch.full((4, height // 8, width // 8), float(picture.mean()) / 255)

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        return Decoded([self._decode_one(one) for one in latents])

    def preview(self, latents: Tensor) -> Pixels:
        return self._decode_one(latents)[::8, ::8]

    def _decode_one(self, latents: Tensor) -> Pixels:
        _, height, width = latents.shape
        if self.broken_side == 8 * height:
            raise RuntimeError("the decoder broke")
        self.decoded.append(latents)
        return np.full((8 * height, 8 * width, 3), 127, np.uint8)
