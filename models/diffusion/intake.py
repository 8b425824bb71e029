"""Where callers' event loops and the engine thread meet: the step scheduler behind one lock."""

import copy
import threading
from collections.abc import Mapping

from gitex.errors import DeadlineExceeded, EngineFailure, GitexError
from gitex.metrics import ACTIVE, QUEUE_AGE_SECONDS, WAITING
from gitex.ports import Clock, Recorder
from models.diffusion.batch_key import BatchKey
from models.diffusion.mailbox import Mailbox, Post
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.step_scheduler import StepScheduler


class Intake:
    """Any thread may submit and cancel; the engine thread takes batches and settles them.

    The lock is held for scheduling decisions only, never across a forward pass, so an event loop that submits or
    cancels waits microseconds.
    """

    def __init__(
        self, scheduler: StepScheduler, clock: Clock, recorder: Recorder, tags: Mapping[str, str], stall_seconds: float
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._recorder = recorder
        self._tags = tags
        self._stall_seconds = stall_seconds
        self._changed = threading.Condition()
        self._ended: GitexError | None = None
        self._last_turn = clock.now()

    def submit(self, request: DiffusionRequest) -> int:
        """Queue a request; returns how many wait in front. Raises `Overloaded`, `Unavailable`, `EngineFailure`."""
        with self._changed:
            if self._ended is not None:
                raise _copy(self._ended)
            if not self._scheduler.active:
                self._last_turn = self._clock.now()  # an idle engine has not stalled
            ahead = self._scheduler.add(request)
            self._changed.notify()
            return ahead

    def cancel(self, request: DiffusionRequest) -> bool:
        """Drop a request; its slot is free at once. False if it had left already."""
        with self._changed:
            if request.state is RequestState.DECODING:  # it has given its slot back, or will when its step is settled
                request.state = RequestState.CANCELLED
                return True
            return self._scheduler.cancel(request)

    def next_batch(self, *, wait: bool = True) -> list[DiffusionRequest] | None:
        """Drop what is past its deadline and return the next step's batch; None when it is all over.

        Without `wait`, the batch is empty when there is nothing to do.
        """
        with self._changed:
            while self._ended is None:
                self._last_turn = self._clock.now()
                # No name here may hold requests while this thread waits.
                _tell(self._scheduler.expire(), DeadlineExceeded("the picture was not finished before its deadline"))
                self._record()
                batch = self._scheduler.next_batch()
                if batch or not wait:
                    return batch
                self._changed.wait()
            self._record()
            return None

    def settle(self, batch: list[DiffusionRequest]) -> None:
        """The step of `batch` is done."""
        with self._changed:
            self._scheduler.settle(batch)

    def shrink(self, key: BatchKey, rows: int) -> None:
        """See `StepScheduler.shrink`."""
        with self._changed:
            self._scheduler.shrink(key, rows)

    def end(self, reason: GitexError) -> None:
        """Fail everything that waits or runs with `reason`, and all that comes later. The first reason stays."""
        with self._changed:
            if self._ended is not None:
                return
            self._ended = reason
            _tell([request for request in self._scheduler.requests() if self._scheduler.cancel(request)], reason)
            self._record()
            self._changed.notify_all()

    def check(self) -> None:
        """Raise `EngineFailure` if the engine has ended, or work is there and its loop has not turned for long."""
        with self._changed:
            if self._ended is not None:
                raise EngineFailure(self._ended.message)
            idle = self._clock.now() - self._last_turn
            if self._scheduler.active and idle > self._stall_seconds:
                raise EngineFailure(f"the engine has not finished a step for {idle:.0f} seconds")

    def _record(self) -> None:
        self._recorder.gauge(WAITING.name, self._scheduler.waiting, self._tags)
        self._recorder.gauge(ACTIVE.name, self._scheduler.active, self._tags)
        self._recorder.gauge(QUEUE_AGE_SECONDS.name, self._scheduler.oldest_age, self._tags)


def _tell(requests: list[DiffusionRequest], error: GitexError) -> None:
    for request in requests:
        request.state = RequestState.FAILED
    Mailbox.deliver(Post(request.mailbox, _copy(error)) for request in requests)


def _copy(error: GitexError) -> GitexError:
    # Raised in many tasks, one exception object would gather all their tracebacks.
    return copy.copy(error)
