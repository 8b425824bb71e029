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
    from torch import Generator, Tensor

    from models.diffusion.conditioning import Conditioning


STEPS_A_PREVIEW = 5
"""A preview costs a small part of a step, nearly all of it its PNG: one in five keeps the cost below 3 %."""


class RequestState(IntEnum):
    """Ordered: a request only ever moves to a higher state."""

    WAITING = 0
    RUNNING = 1
    DECODING = 2
    FINISHED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def is_finished(self) -> bool:
        """Whether the request takes no more steps: its picture is being decoded, or it is out of the engine."""
        return self >= RequestState.DECODING


@dataclass(frozen=True)
class KeptPart:
    """What an inpainting must leave as it was."""

    clean: "Tensor"
    """(channels, height, width): the source picture's latents."""
    noise: "Tensor"
    """(channels, height, width): the request's initial noise, by which the kept part is noised to each step's level."""
    mask: "Tensor"
    """(1, height, width): 1 is painted anew, 0 is kept."""


@dataclass(frozen=True)
class Style:
    """The statistics that a style picture's latents have, each of shape (channels, 1, 1)."""

    mean: "Tensor"
    deviation: "Tensor"
    weight: float


@dataclass
class WorkingTensors:
    """What a running request holds on the device."""

    latents: "Tensor"
    """(channels, height, width), float32, replaced every step."""
    conditioning: "Conditioning"
    negative: "Conditioning | None"
    """Of a guided request: the negative prompt's."""
    generator: "Generator"
    """The request's own, on the CPU: it has drawn the initial noise, and draws an ancestral sampler's."""
    previous: "Tensor | None" = None
    """The last step's predicted clean latents, for samplers that remember them."""
    fresh: "Tensor | None" = None
    """An ancestral sampler's noise for the step at hand."""
    kept: KeptPart | None = None
    style: Style | None = None


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
    guided: bool = False
    """Whether a second, unconditional row is needed: as in diffusers, only for a guidance scale above 1."""

    @property
    def rows(self) -> int:
        """Rows of a forward pass that the request needs."""
        return 2 if self.guided else 1

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
    """At most `count` steps of 1..total-1, evenly spread, and at most one in `STEPS_A_PREVIEW`; the last step's picture
    is the result itself."""
    count = min(count, total // STEPS_A_PREVIEW)
    return frozenset(total * (i + 1) // (count + 1) for i in range(count))
