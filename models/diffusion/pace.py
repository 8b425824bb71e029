"""What a request costs, and how fast the device works: what the step scheduler measures with."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from models.diffusion.batch_key import BatchKey
from models.diffusion.request import DiffusionRequest


def step_cost(request: DiffusionRequest) -> int:
    """Pixel-steps (latent pixels times rows) of one step of a request."""
    return request.key.area * request.rows


def total_cost(request: DiffusionRequest) -> int:
    """Pixel-steps of a request from its first step to its last."""
    return step_cost(request) * request.total


def remaining_cost(request: DiffusionRequest) -> int:
    """Pixel-steps until a request is through."""
    return step_cost(request) * (request.total - request.step)


@dataclass
class _Measured:
    seconds_per_pixel_step: float
    steps: int = 1


class Pace:
    """The best seconds per pixel-step of late, for each key: nobody can be faster, not even alone.

    A full batch costs less per pixel-step than a request alone, so an estimate from it errs on the request's side.
    """

    _ENOUGH_STEPS = 3
    """Of a key, before its pace is believed."""
    _FORGETTING = 1.05
    """How much slower the pace may become from one step to the next: a device that slows down is noticed in time."""
    _MAX_KEYS = 256

    def __init__(self) -> None:
        self._measured: OrderedDict[BatchKey, _Measured] = OrderedDict()

    def note(self, batch: Sequence[DiffusionRequest], seconds: float) -> None:
        """One step of `batch` took that long."""
        if any(request.step <= 1 for request in batch):
            return  # a first step includes preparing the request, and on some devices compiling for its shape
        key, sample = batch[0].key, seconds / sum(map(step_cost, batch))
        known = self._measured.get(key)
        if known is None:
            self._measured[key] = _Measured(sample)
            if len(self._measured) > self._MAX_KEYS:
                self._measured.popitem(last=False)
            return
        known.seconds_per_pixel_step = min(sample, known.seconds_per_pixel_step * self._FORGETTING)
        known.steps += 1
        self._measured.move_to_end(key)

    def seconds_left(self, request: DiffusionRequest) -> float:
        """At least this long until a request is through; 0 while the pace of its key is unknown."""
        known = self._measured.get(request.key)
        if known is None or known.steps < self._ENOUGH_STEPS:
            return 0.0
        return remaining_cost(request) * known.seconds_per_pixel_step


class Departures:
    """How often a request leaves, from which a refused one is told when to come again."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._seconds = 1.0

    def note(self, now: float, *, queue_waits: bool) -> None:
        """Requests have left. Only while others wait does the gap since the last time say how fast places come free."""
        if self._last is not None and queue_waits:
            self._seconds += 0.2 * (now - self._last - self._seconds)
        self._last = now

    @property
    def retry_after(self) -> float:
        """Seconds until a place should be free again, 1 to 60."""
        return min(60.0, max(1.0, self._seconds))
