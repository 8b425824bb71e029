"""The last stage of a request: from clean latents to a picture that its caller may have."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from gitex.errors import ContentRefused, GitexError
from gitex.ports import Clock
from models.diffusion.autoencoder import WHOLE_AREA, Autoencoder
from models.diffusion.decoding import Decoding
from models.diffusion.mailbox import Letter, PictureDone, Pixels
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.safety import SafetyChecker

logger = logging.getLogger(__name__)

Send = Callable[[DiffusionRequest, Letter], None]
Fail = Callable[[DiffusionRequest, Exception], None]


@dataclass(frozen=True)
class _Part:
    """Requests whose pictures are decoded together, all of one shape."""

    requests: Sequence[DiffusionRequest]
    tiled: bool = False


class _Flight(NamedTuple):
    part: _Part
    decoding: Decoding


class Finisher:
    """Decodes the pictures that finished in one step together; a strict one alone, so that company changes nothing.

    A decode may run beside the next steps. Its requests belong to the finisher from `begin` on: they have left the step
    scheduler, and each is answered exactly once, unless it is cancelled.
    """

    def __init__(self, autoencoder: Autoencoder, safety: SafetyChecker, clock: Clock, send: Send, fail: Fail) -> None:
        self._autoencoder = autoencoder
        self._safety = safety
        self._clock = clock
        self._send = send
        self._fail = fail
        self._flights: deque[_Flight] = deque()

    @property
    def busy(self) -> bool:
        """Whether pictures are being decoded."""
        return bool(self._flights)

    def begin(self, requests: Sequence[DiffusionRequest]) -> None:
        """Decode the pictures of a step, of requests with one key. Waits for those of an earlier step: decoding must
        not fall behind denoising."""
        if not requests:
            return
        self.complete()
        for request in requests:
            request.state = RequestState.DECODING
        key = requests[0].key
        together = 1 if key.strict else max(1, WHOLE_AREA // key.area)
        for at in range(0, len(requests), together):
            self._launch(_Part(requests[at : at + together]))
        self.collect()

    def collect(self, *, wait: bool = False) -> None:
        """Answer those whose pictures are ready; with `wait`, the first in line whether ready or not."""
        while self._flights and (wait or self._flights[0].decoding.ready()):
            self._land(self._flights.popleft())
            wait = False

    def complete(self) -> None:
        """Answer everybody, and hold nothing more."""
        while self._flights:
            self.collect(wait=True)

    def abandon(self, error: GitexError) -> None:
        """The engine broke: fail everybody with `error`."""
        while self._flights:
            for request in self._flights.popleft().part.requests:
                if _is_wanted(request):
                    self._fail(request, error)

    def _launch(self, part: _Part) -> None:
        try:
            self._flights.append(_Flight(part, self._decode(part)))
            return
        except Exception as error:
            smaller = self._fail_or_split(part, error)
        # Outside the handler, so that the failed attempt and its tensors are gone.
        self._launch_again(smaller)

    def _land(self, flight: _Flight) -> None:
        try:
            pictures = flight.decoding.pictures()
        except Exception as error:
            smaller = self._fail_or_split(flight.part, error)
        else:
            for request, picture in zip(flight.part.requests, pictures, strict=True):
                self._hand_over(request, picture)
            return
        del flight
        self._launch_again(smaller)

    def _decode(self, part: _Part) -> Decoding:
        return self._autoencoder.decode([request.working.latents for request in part.requests], tiled=part.tiled)

    def _launch_again(self, parts: list[_Part]) -> None:
        """With all memory that can be had."""
        if parts:
            self.complete()
            torch.cuda.empty_cache()
        for part in parts:
            self._launch(part)

    def _fail_or_split(self, part: _Part, error: Exception) -> list[_Part]:
        """What to try instead. Whatever broke, halves find the one picture that is to blame."""
        wanted = [request for request in part.requests if _is_wanted(request)]
        if wanted and isinstance(error, torch.OutOfMemoryError) and self.busy:  # others hold memory, for now
            return [replace(part, requests=wanted)]
        if len(wanted) > 1:
            half = (len(wanted) + 1) // 2
            return [_Part(wanted[:half]), _Part(wanted[half:])]
        # A strict picture never comes in tiles for want of memory: its bytes must not depend on what else was there.
        if wanted and isinstance(error, torch.OutOfMemoryError) and not part.tiled and not wanted[0].key.strict:
            return [_Part(wanted, tiled=True)]
        for request in wanted:
            self._fail(request, error)
        return []

    def _hand_over(self, request: DiffusionRequest, picture: Pixels) -> None:
        request.tensors = None
        if not _is_wanted(request):
            return
        try:
            category = self._refusal(picture)
        except Exception as error:
            self._fail(request, error)
            return
        if category is not None:
            self._fail(request, ContentRefused(f"the picture was refused: {category}", category=category))
            return
        timeline = request.timeline
        request.state = RequestState.FINISHED
        self._send(
            request,
            PictureDone(
                picture,
                queue=timeline.started - timeline.submitted,
                encode=timeline.encoded - timeline.started,
                denoise=timeline.denoised - timeline.encoded,
                decode=self._clock.now() - timeline.denoised,
            ),
        )

    def _refusal(self, picture: Pixels) -> str | None:
        try:
            return self._safety.refuses_picture(picture)
        except torch.OutOfMemoryError:
            pass
        torch.cuda.empty_cache()
        return self._safety.refuses_picture(picture)


def _is_wanted(request: DiffusionRequest) -> bool:
    return request.state is RequestState.DECODING  # not cancelled meanwhile
