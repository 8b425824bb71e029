"""A whole-request model that computes nothing and takes its steps when the test lets it."""

import asyncio
import threading
from dataclasses import dataclass, field

import numpy as np
import torch

from gitex.errors import InvalidInput
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from models.diffusion.mailbox import Pixels
from models.diffusion.whole_pipeline import OnStep

PATIENCE = 30.0


@dataclass
class GatedRunner:
    """A `models.diffusion.whole_request.Runner` of grey pictures."""

    gated: bool = False
    ran: list[str] = field(default_factory=list)
    """The prompts of the requests that were begun."""
    errors: list[Exception] = field(default_factory=list)
    """Raised before the next steps, one each."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    _permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def check(self, settings: DiffusionSettings) -> None:
        if settings.negative_prompt:
            raise InvalidInput("no", param="negative_prompt")

    def run(self, spec: ImageSpec, settings: DiffusionSettings, context: RunContext, on_step: OnStep) -> Pixels:
        self.ran.append(spec.prompt)
        for index in range(settings.steps):
            if self.gated:
                self._entered.release()
                assert self._permits.acquire(timeout=PATIENCE)
            if self.errors:
                raise self.errors.pop(0)
            on_step(index + 1, settings.steps)
        return np.full((spec.height, spec.width, 3), 127, np.uint8)

    def let(self, steps: int = 1) -> None:
        for _ in range(steps):
            self._permits.release()

    async def entered(self) -> None:
        """Return when the worker stands in its next step."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=PATIENCE)
