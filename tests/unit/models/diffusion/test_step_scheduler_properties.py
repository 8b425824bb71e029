"""What holds of the step scheduler whatever happens."""

import sys
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitex.errors import DeadlineExceeded, OutOfMemory, Overloaded
from models.diffusion.memory import MemoryModel, StepProbe
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.step_scheduler import SLOTS_PER_ROW
from tests.unit.models.diffusion.making import HandClock, make_request
from tests.unit.models.diffusion.scheduling import run_step, scheduler


@dataclass(frozen=True)
class Add:
    tenant: str
    side: int
    steps: int
    guided: bool
    priority: int
    patience: float | None


@dataclass(frozen=True)
class Cancel:
    index: int
    in_flight: bool


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Shrink:
    side: int
    rows: int


@dataclass(frozen=True)
class Step:
    pass


Event = Add | Cancel | Wait | Shrink | Step

EVENTS = st.lists(
    st.one_of(
        st.builds(
            Add,
            st.sampled_from("abc"),
            st.sampled_from([16, 32, 64]),
            st.integers(1, 4),
            st.booleans(),
            st.integers(-1, 1),
            st.none() | st.floats(0.1, 20),
        ),
        st.just(Step()),
        st.builds(Cancel, st.integers(0, 30), st.booleans()),
        st.builds(Wait, st.floats(0, 8)),
        st.builds(Shrink, st.sampled_from([16, 32]), st.integers(1, 4)),
    ),
    max_size=60,
)
ROW_PIXELS = 128


class Play:
    """Plays events to a scheduler, checking the bounds after each, and writes down what it did."""

    def __init__(self, max_batch: int, max_waiting: int) -> None:
        self.clock = HandClock()
        memory = MemoryModel.fit([StepProbe(4, 1, 4), StepProbe(64, 2, 128)], [], ROW_PIXELS)
        self.steps = scheduler(max_batch, max_waiting, self.clock, memory)
        self.max_batch, self.max_waiting = max_batch, max_waiting
        self.taken: list[DiffusionRequest] = []
        self.trace: list[object] = []

    def play(self, event: Event) -> None:
        if isinstance(event, Add):
            self.trace.append(self.add(event))
        elif isinstance(event, Cancel):
            batch = self.steps.next_batch() if event.in_flight else []
            if event.index < len(self.taken):
                self.trace.append(self.steps.cancel(self.taken[event.index]))
            self.steps.settle(batch)
        elif isinstance(event, Wait):
            self.clock.seconds += event.seconds
        elif isinstance(event, Shrink):
            self.steps.shrink(make_request(side=event.side).key, event.rows)
        else:
            self.step()
        self.check()

    def add(self, event: Add) -> str:
        now = self.clock.seconds
        deadline = None if event.patience is None else now + event.patience
        request = make_request(
            event.tenant,
            event.side,
            steps=event.steps,
            submitted=now,
            deadline=deadline,
            priority=event.priority,
            guided=event.guided,
        )
        try:
            self.steps.add(request)
        except (Overloaded, OutOfMemory, DeadlineExceeded) as error:
            assert request not in self.steps.requests()
            return error.code
        self.taken.append(request)
        return request.state.name

    def step(self) -> None:
        self.trace.append(sorted(self.taken.index(request) for request in self.steps.expire()))
        batch = run_step(self.steps)
        assert len({request.key for request in batch}) <= 1
        self.trace.append([self.taken.index(request) for request in batch])

    def check(self) -> None:
        steps, batch = self.steps, self.steps.next_batch()
        assert steps.waiting <= self.max_waiting
        assert steps.active <= SLOTS_PER_ROW * self.max_batch
        assert len(batch) <= self.max_batch
        assert len(batch) <= 1 or sum(request.key.area * request.rows for request in batch) <= ROW_PIXELS
        assert bool(batch) or not steps.waiting
        unfinished = {request for request in self.taken if not request.state.is_finished}
        assert set(steps.requests()) == unfinished
        running = {request for request in unfinished if request.state is RequestState.RUNNING}
        assert (steps.active, steps.waiting) == (len(running), len(unfinished - running))

    def finish(self) -> None:
        """One step at least goes to somebody each time, so this many are enough for all."""
        for _ in range(sum(request.total for request in self.taken)):
            self.step()


@settings(deadline=None, max_examples=100)
@given(EVENTS, st.integers(1, 3), st.integers(1, 6))
def test_bounds_hold_everyone_ends_and_the_same_events_give_the_same_schedule(
    events: list[Event], max_batch: int, max_waiting: int
) -> None:
    plays = [Play(max_batch, max_waiting) for _ in range(2)]
    for play in plays:
        for event in events:
            play.play(event)
        play.finish()
        assert all(request.state.is_finished for request in play.taken)
        assert (play.steps.waiting, play.steps.active, play.steps.requests()) == (0, 0, [])
    assert plays[0].trace == plays[1].trace


@pytest.mark.parametrize("tenants", [4, 2000])
def test_no_verb_costs_more_when_thousands_wait(tenants: int) -> None:
    """Counted in calls, not in seconds: the same number with 200 waiting and with 5,000, but for some log n."""

    def calls_with(waiting: int) -> int:
        steps = scheduler(max_batch=8, max_waiting=100_000)
        for i in range(32 + waiting):
            steps.add(make_request(str(i % tenants), side=8 + 8 * (i % 3), steps=4, deadline=1e6 + i))
        calls = 0

        def count(frame: object, event: str, arg: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        newcomers = [make_request(f"new{i}") for i in range(4)]
        sys.setprofile(count)
        try:
            for request in newcomers:
                steps.add(request)
                steps.expire()
                run_step(steps)
            steps.cancel(newcomers[0])
        finally:
            sys.setprofile(None)
        return calls

    few, many = calls_with(200), calls_with(5000)
    assert many <= 1.5 * few + 50
