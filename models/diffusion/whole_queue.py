"""The queue of an engine that runs one whole request after the other. Knows neither torch nor the model."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitex.errors import DeadlineExceeded, EngineFailure, GitexError, Overloaded
from gitex.metrics import ACTIVE, QUEUE_AGE_SECONDS, WAITING
from gitex.ports import Clock, Recorder, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from models.diffusion.mailbox import Letter, Mailbox, Post

_REMEMBERED_TENANTS = 1024


@dataclass(eq=False)
class WholeRequest:
    """One picture on its way. Compared and hashed by identity."""

    spec: ImageSpec
    settings: DiffusionSettings
    context: RunContext
    mailbox: Mailbox
    submitted: float
    deadline: float | None = None
    """On the engine's clock."""
    started: float = 0.0
    denoised: float = 0.0
    over: bool = field(default=False)
    """Finished, failed or cancelled: nobody waits for it any more."""


class WholeQueue:
    """Any thread may submit and cancel; one worker takes requests and reports on them.

    The next request is one of the tenant that was served longest ago, of that tenant's the one of highest priority, of
    those the oldest. Everything that is past its deadline is dropped whenever the worker reports.
    """

    def __init__(
        self, max_waiting: int, clock: Clock, recorder: Recorder, tags: Mapping[str, str], stall_seconds: float
    ) -> None:
        self._max_waiting = max_waiting
        self._clock = clock
        self._recorder = recorder
        self._tags = tags
        self._stall_seconds = stall_seconds
        self._changed = threading.Condition()
        self._waiting: list[WholeRequest] = []
        self._running: WholeRequest | None = None
        self._turns: OrderedDict[str, int] = OrderedDict()
        """Of each tenant served of late, when: the last one's number is the highest."""
        self._seconds_per_request = 1.0
        self._ended: GitexError | None = None
        self._last_report = clock.now()

    def submit(self, request: WholeRequest) -> int:
        """Queue a request; returns how many are in front. Raises `Overloaded`, `Unavailable`, `EngineFailure`."""
        with self._changed:
            if self._ended is not None:
                raise copy.copy(self._ended)
            ahead = len(self._waiting) + (self._running is not None)
            if ahead > self._max_waiting:
                raise Overloaded(
                    f"{len(self._waiting)} requests are waiting already", retry_after=self._seconds_per_request
                )
            if not ahead:
                self._last_report = self._clock.now()  # an idle engine has not stalled
            self._waiting.append(request)
            self._changed.notify()
            return ahead

    def cancel(self, request: WholeRequest) -> bool:
        """Drop a request; a running one ends at its next step. False if it was over already."""
        with self._changed:
            if request.over:
                return False
            request.over = True
            if request in self._waiting:
                self._waiting.remove(request)
            return True

    def take(self) -> WholeRequest | None:
        """Wait for the next request and mark it as running; None when it is all over."""
        with self._changed:
            while self._ended is None:
                self._report()
                if self._waiting:
                    self._running = self._next()
                    self._running.started = self._clock.now()
                    self._record()
                    return self._running
                self._changed.wait()
            self._record()
            return None

    def goes_on(self, request: WholeRequest) -> bool:
        """The worker has done another step of the running request: is it still wanted?"""
        with self._changed:
            self._report()
            return not request.over

    def settle(self, request: WholeRequest, letter: Letter) -> None:
        """The running request has come to its end: tell its caller, if there still is one."""
        with self._changed:
            self._running = None
            self._seconds_per_request = max(0.1, self._clock.now() - request.started)
            if not request.over:
                _tell(request, letter)

    def end(self, reason: GitexError) -> None:
        """Fail everything that waits or runs with `reason`, and all that comes later. The first reason stays."""
        with self._changed:
            if self._ended is not None:
                return
            self._ended = reason
            everything = [*self._waiting, *([self._running] if self._running is not None else [])]
            self._waiting.clear()
            for request in everything:
                if not request.over:
                    _tell(request, copy.copy(reason))
            self._changed.notify_all()

    def check(self) -> None:
        """Raise `EngineFailure` if the engine has ended, or work is there and its worker reported nothing for long."""
        with self._changed:
            if self._ended is not None:
                raise EngineFailure(self._ended.message)
            silent = self._clock.now() - self._last_report
            if self._running is not None and silent > self._stall_seconds:
                raise EngineFailure(f"the engine has not finished a step for {silent:.0f} seconds")

    def _next(self) -> WholeRequest:
        chosen = min(self._waiting, key=lambda r: (self._turns.get(r.context.tenant, -1), -r.context.priority))
        self._waiting.remove(chosen)
        last = next(reversed(self._turns.values()), -1)
        self._turns[chosen.context.tenant] = last + 1
        self._turns.move_to_end(chosen.context.tenant)
        if len(self._turns) > _REMEMBERED_TENANTS:
            self._turns.popitem(last=False)
        return chosen

    def _report(self) -> None:
        now = self._last_report = self._clock.now()
        running = [] if self._running is None or self._running.over else [self._running]
        for request in [*self._waiting, *running]:
            if request.deadline is not None and request.deadline <= now:
                _tell(request, DeadlineExceeded("the picture was not finished before its deadline"))
        self._waiting = [request for request in self._waiting if not request.over]
        self._record()

    def _record(self) -> None:
        oldest = min((request.submitted for request in self._waiting), default=self._clock.now())
        self._recorder.gauge(WAITING.name, len(self._waiting), self._tags)
        self._recorder.gauge(ACTIVE.name, int(self._running is not None), self._tags)
        self._recorder.gauge(QUEUE_AGE_SECONDS.name, self._clock.now() - oldest, self._tags)


def _tell(request: WholeRequest, letter: Letter) -> None:
    """Send a request's last letter."""
    request.over = True
    Mailbox.deliver([Post(request.mailbox, letter)])
