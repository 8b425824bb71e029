"""Pictures that may still be on their way from the device."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gitex.errors import EngineFailure
from models.diffusion.mailbox import Pixels


class Decoding(Protocol):
    """The pictures of one decode, in the order of their latents."""

    def ready(self) -> bool:
        """Whether `pictures` would return without waiting."""

    def pictures(self) -> list[Pixels]:
        """uint8 (height, width, 3) each; waits for them. Raises `EngineFailure`, or the device's own error."""


class Decoded:
    """A decode that was over when it began."""

    def __init__(self, pictures: list[Pixels]) -> None:
        self._pictures = pictures

    def ready(self) -> bool:
        return True

    def pictures(self) -> list[Pixels]:
        return self._pictures


class Levels(NamedTuple):
    """Decoded pictures where they were made."""

    pixels: Tensor
    """uint8 (n, height, width, 3)."""
    finite: Tensor
    """One truth value: whether every pixel was a number."""


def to_levels(pictures: Tensor) -> Levels:
    """(n, 3, height, width) in -1..1 to levels, rounded as diffusers does."""
    levels = ((pictures.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Levels(levels.permute(0, 2, 3, 1).contiguous(), torch.isfinite(pictures).all())


def to_pictures(levels: Levels) -> list[Pixels]:
    """Host memory's levels as pictures. Raises `EngineFailure`."""
    if not levels.finite:
        raise EngineFailure("the model made a picture of values that are not numbers")
    return list(levels.pixels.numpy())


class SideStream:
    """Decodes on a CUDA stream of its own, beside the denoising steps that follow on the current one."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def decode(self, decode: Callable[[Sequence[Tensor]], Levels], latents: Sequence[Tensor]) -> Decoding:
        """Queue the work and return at once. Running out of memory shows here: queueing is when memory is taken."""
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):
            for one in latents:
                one.record_stream(self._stream)  # its memory must outlive this use, whoever lets go of it before
            levels = decode(latents)
            # Into pinned memory, so that the copy does not wait either.
            pixels = torch.empty(levels.pixels.shape, dtype=torch.uint8, pin_memory=True)
            finite = torch.empty(levels.finite.shape, dtype=torch.bool, pin_memory=True)
            pixels.copy_(levels.pixels, non_blocking=True)
            finite.copy_(levels.finite, non_blocking=True)
            done = torch.cuda.Event()
            done.record(self._stream)
        return _OnItsWay(Levels(pixels, finite), done)


class _OnItsWay:
    def __init__(self, levels: Levels, done: torch.cuda.Event) -> None:
        self._levels = levels
        self._done = done

    def ready(self) -> bool:
        return self._done.query()

    def pictures(self) -> list[Pixels]:
        self._done.synchronize()
        # A copy: the callers may keep a picture for long, and pinned memory is scarce.
        return [picture.copy() for picture in to_pictures(self._levels)]
