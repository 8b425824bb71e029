"""The state of one request: the only truth about it. A batch is a view gathered for one step and scattered back."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from models.diffusion.batch_key import BatchKey
from models.diffusion.mailbox import Mailbox
from models.diffusion.samplers.plan import SamplingPlan

if TYPE_CHECKING:  # the step scheduler works with requests and must not import torch
    from torch import Tensor


class RequestState(IntEnum):
    """Ordered: a request only ever moves to a higher state."""

    WAITING = 0
    RUNNING = 1
    FINISHED = 2
    FAILED = 3
    CANCELLED = 4

    @property
    def is_finished(self) -> bool:
        """Whether the request is out of the engine, for whatever reason."""
        return self >= RequestState.FINISHED


@dataclass
class WorkingTensors:
    """What a running request holds on the device."""

    latents: "Tensor"
    """(channels, height, width), float32, replaced every step."""
    context: "Tensor"
    """(tokens, width): the encoded prompt."""
    negative: "Tensor | None"
    """(tokens, width): the encoded negative prompt of a guided request."""


@dataclass
class Timeline:
    """When a request passed its stages, on the engine's clock."""

    submitted: float
    started: float = 0.0
    encoded: float = 0.0
    denoised: float = 0.0


@dataclass(eq=False)
class DiffusionRequest:
    """One picture on its way. Compared and hashed by identity."""

    spec: ImageSpec
    settings: DiffusionSettings
    context: RunContext
    key: BatchKey
    plan: SamplingPlan
    mailbox: Mailbox
    timeline: Timeline
    deadline: float | None = None
    """On the engine's clock."""
    state: RequestState = RequestState.WAITING
    step: int = 0
    """Denoising steps done so far."""
    tensors: WorkingTensors | None = None
    preview_steps: frozenset[int] = field(default=frozenset())
    """Steps, counted from 1, after which a preview is due."""

    @property
    def guided(self) -> bool:
        """Whether an unconditional pass is needed: as in diffusers, only for a guidance scale above 1."""
        return self.settings.guidance_scale > 1

    @property
    def total(self) -> int:
        return len(self.plan.timesteps)

    @property
    def working(self) -> WorkingTensors:
        """The tensors of a request that has been prepared."""
        if self.tensors is None:
            raise RuntimeError(f"request {self.context.request_id} has not been prepared")
        return self.tensors


def spread_previews(count: int, total: int) -> frozenset[int]:
    """At most `count` steps of 1..total-1, evenly spread; the last step's picture is the result itself."""
    count = min(count, total - 1)
    return frozenset(total * (i + 1) // (count + 1) for i in range(count))
