"""Deadlines: what cannot be in time is refused or dropped as soon as that is known."""

import pytest

from gitex.errors import DeadlineExceeded
from models.diffusion.request import RequestState
from models.diffusion.step_scheduler import StepScheduler
from tests.unit.models.diffusion.making import HandClock, make_request
from tests.unit.models.diffusion.scheduling import add_all, run_step, scheduler


def step_taking(steps: StepScheduler, clock: HandClock, seconds: float) -> None:
    batch = steps.next_batch()
    clock.seconds += seconds
    for request in batch:
        request.step += 1
        if request.step == request.total:
            request.state = RequestState.FINISHED
    steps.settle(batch)


def paced(clock: HandClock, seconds: float = 1.0, side: int = 32, first_step: float = 100.0) -> StepScheduler:
    """A scheduler that has seen one request of `side` run, at so many seconds a step."""
    steps = scheduler(max_batch=2, clock=clock)
    steps.add(make_request(side=side, steps=5, submitted=clock.seconds))
    step_taking(steps, clock, first_step)
    for _ in range(4):
        step_taking(steps, clock, seconds)
    assert steps.requests() == []
    return steps


def test_deadlines_drop_the_waiting_and_the_running() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    running, waiting = add_all(steps, [make_request(deadline=1005.0), make_request(deadline=1009.0)])
    assert steps.expire() == []
    clock.seconds = 1006
    assert steps.expire() == [running]
    assert running.state is RequestState.FAILED
    assert steps.next_batch() == [waiting]
    clock.seconds = 1010
    assert steps.expire() == [waiting]
    assert (steps.active, steps.waiting) == (0, 0)


def test_a_deadline_in_the_past_is_refused() -> None:
    with pytest.raises(DeadlineExceeded):
        scheduler().add(make_request(deadline=999.0))


def test_what_cannot_make_it_even_alone_is_refused_once_the_pace_is_known() -> None:
    clock = HandClock()
    assert scheduler(clock=clock).add(make_request(steps=50, deadline=1010)) == 0  # unknown: it may
    steps = paced(clock)
    with pytest.raises(DeadlineExceeded):
        steps.add(make_request(steps=50, deadline=clock.seconds + 49))
    steps.add(make_request(steps=50, deadline=clock.seconds + 51))
    assert steps.active == 1


def test_a_guided_request_takes_twice_as_long() -> None:
    clock = HandClock()
    steps = paced(clock)
    with pytest.raises(DeadlineExceeded):
        steps.add(make_request(steps=50, guided=True, deadline=clock.seconds + 99))
    steps.add(make_request(steps=50, guided=True, deadline=clock.seconds + 101))


def test_the_pace_of_another_size_says_nothing() -> None:
    clock = HandClock()
    steps = paced(clock, side=64)
    assert steps.add(make_request(side=32, steps=50, deadline=clock.seconds + 1)) == 0


def test_a_waiting_request_is_dropped_before_its_deadline_when_it_can_no_longer_make_it() -> None:
    clock = HandClock()
    steps = paced(clock)
    add_all(steps, [make_request(steps=60) for _ in range(2)])
    hopeful = make_request(steps=50, deadline=clock.seconds + 60)
    steps.add(hopeful)
    for _ in range(9):
        step_taking(steps, clock, 1.0)
    assert steps.expire() == []  # 51 seconds left for 50 steps; a batch of two at that pace means half a second each
    for _ in range(40):
        step_taking(steps, clock, 1.0)
        if dropped := steps.expire():
            break
    assert dropped == [hopeful]
    assert hopeful.state is RequestState.FAILED
    assert hopeful.deadline is not None
    assert clock.seconds < hopeful.deadline - 20


def test_a_running_request_is_dropped_when_the_device_slows_down() -> None:
    clock = HandClock()
    steps = paced(clock)
    began = clock.seconds
    steps.add(make_request(steps=50, deadline=began + 75))
    for _ in range(40):
        step_taking(steps, clock, 2.0)
        if steps.expire():
            break
    assert clock.seconds < began + 30  # at the old pace it had been out of reach after 50
    assert steps.requests() == []


def test_a_waiting_request_is_kept_when_the_device_gets_faster() -> None:
    clock = HandClock()
    steps = paced(clock)
    running = add_all(steps, [make_request(steps=60) for _ in range(2)])
    hopeful = make_request(steps=50, deadline=clock.seconds + 51)
    steps.add(hopeful)
    for _ in range(60):
        step_taking(steps, clock, 0.1)
        assert steps.expire() == []
    assert all(request.state.is_finished for request in running)
    for _ in range(50):
        assert steps.expire() == []
        step_taking(steps, clock, 0.1)
    assert hopeful.state is RequestState.FINISHED


def test_first_steps_say_nothing_about_the_pace() -> None:
    """They include preparing the request."""
    clock = HandClock()
    steps = scheduler(clock=clock)
    for _ in range(9):
        steps.add(make_request(steps=1))
        step_taking(steps, clock, 100.0)
    assert steps.add(make_request(steps=50, deadline=clock.seconds + 1)) == 0


def test_a_step_or_two_are_not_yet_a_pace() -> None:
    clock = HandClock()
    steps = scheduler(clock=clock)
    steps.add(make_request(steps=9))
    for _ in range(3):
        step_taking(steps, clock, 100.0)
    steps.add(make_request(steps=9, deadline=clock.seconds + 100))
    step_taking(steps, clock, 100.0)  # the newcomer's first
    step_taking(steps, clock, 100.0)
    with pytest.raises(DeadlineExceeded):
        steps.add(make_request(steps=9, deadline=clock.seconds + 100))


def test_whoever_starts_in_the_place_of_a_late_one_is_looked_at_too() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    late = add_all(steps, [make_request(deadline=1005.0) for _ in range(4)])
    other = make_request()
    steps.add(other)
    clock.seconds = 1006
    assert sorted(map(id, steps.expire())) == sorted(map(id, late))
    assert run_step(steps) == [other]
