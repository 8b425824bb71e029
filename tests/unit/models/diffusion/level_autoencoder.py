"""An autoencoder whose decodes the test ends, and whose pictures tell which latents they were."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gitex.errors import EngineFailure
from models.diffusion.decoding import Decoding
from models.diffusion.mailbox import Pixels
from tests.unit.models.diffusion.gated_model import PlainAutoencoder


@dataclass
class LateDecoding:
    """Done when the test says so, or when somebody waits for it."""

    made: list[Pixels] | Exception
    done: bool = False

    def ready(self) -> bool:
        return self.done

    def pictures(self) -> list[Pixels]:
        self.done = True
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


@dataclass
class LevelAutoencoder(PlainAutoencoder):
    """Pictures have the level of their latents. `room` is how many latent values fit, untiled, with those under way."""

    room: int = 10**9
    broken: float | None = None
    """The level of a picture that cannot be made, which shows only when it is waited for."""
    flights: list[LateDecoding] = field(default_factory=list)
    asked: list[tuple[list[int], bool]] = field(default_factory=list)
    """Of every call, the levels and whether in tiles."""

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        levels = [int(one.mean()) for one in latents]
        self.asked.append((levels, tiled))
        under_way = sum(64 for flight in self.flights if not flight.done)
        if not tiled and under_way + sum(one.numel() for one in latents) > self.room:
            raise torch.OutOfMemoryError("no room")
        pictures = [np.full((8, 8, 3), level, np.uint8) for level in levels]
        made = EngineFailure("not a number") if self.broken in levels else pictures
        self.flights.append(LateDecoding(made))
        return self.flights[-1]
