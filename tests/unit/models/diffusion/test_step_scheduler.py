"""The step scheduler's verbs and bounds, on a clock that stands still unless told."""

import gc
import subprocess
import sys
import weakref

import pytest

from gitex.errors import OutOfMemory, Overloaded
from models.diffusion.memory import MemoryModel, StepProbe
from models.diffusion.request import RequestState
from models.diffusion.step_turns import StepTurns
from tests.unit.models.diffusion.making import make_request
from tests.unit.models.diffusion.scheduling import add_all, run_step, scheduler


def four_rows_of_32() -> MemoryModel:
    """Room for four rows of a 4 x 4 latent (a picture of 32 x 32), one of 8 x 8, none of 16 x 16."""
    return MemoryModel.fit([StepProbe(16, 1, 16), StepProbe(16, 4, 64), StepProbe(64, 1, 64)], [], budget=64)


def test_needs_no_torch() -> None:
    code = "import sys, models.diffusion.step_scheduler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_requests_join_and_leave_between_steps() -> None:
    steps = scheduler()
    long, short = make_request(steps=3), make_request(steps=1)
    steps.add(long)
    assert run_step(steps) == [long]
    steps.add(short)
    assert run_step(steps) == [long, short]
    assert run_step(steps) == [long]
    assert run_step(steps) == []
    assert steps.active == 0


def test_a_request_keeps_its_row_from_its_first_step_to_its_last() -> None:
    steps = scheduler(max_batch=2)
    first, second, third = add_all(steps, [make_request(steps=3) for _ in range(3)])
    assert [run_step(steps) for _ in range(4)] == [[first, second]] * 3 + [[third]]


def test_a_full_queue_refuses_and_says_when_to_retry() -> None:
    steps = scheduler(max_batch=1, max_waiting=2)
    assert [steps.add(make_request()) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(Overloaded) as refusal:
        steps.add(make_request())
    assert refusal.value.retry_after >= 1
    assert (steps.active, steps.waiting) == (1, 2)


def test_a_full_queue_of_one_key_does_not_refuse_a_request_that_gets_a_slot() -> None:
    steps = scheduler(max_batch=1, max_waiting=1)
    add_all(steps, [make_request(side=32) for _ in range(2)])
    other = make_request(side=64)
    assert steps.add(other) == 0
    assert other.state is RequestState.RUNNING


def test_slots_are_bounded_whoever_asks() -> None:
    steps = scheduler(max_batch=2)
    add_all(steps, [make_request(tenant=str(i), side=8 + 8 * (i % 5)) for i in range(40)])
    assert (steps.active, steps.waiting) == (8, 32)


def test_the_oldest_ages_until_it_starts() -> None:
    steps = scheduler(max_batch=1)
    assert steps.oldest_age == 0
    add_all(steps, [make_request(submitted=990, steps=1), make_request(submitted=993)])
    assert steps.oldest_age == 7
    run_step(steps)
    assert steps.oldest_age == 0


def test_cancelling_frees_a_slot_at_once() -> None:
    steps = scheduler(max_batch=1)
    running, waiting = add_all(steps, [make_request(), make_request()])
    batch = steps.next_batch()
    assert steps.cancel(running)
    assert waiting.state is RequestState.RUNNING
    steps.settle(batch)  # its step was in flight
    assert steps.next_batch() == [waiting]
    assert not steps.cancel(running)


def test_cancelling_everything_in_flight_leaves_an_empty_scheduler() -> None:
    steps = scheduler(max_batch=2)
    add_all(steps, [make_request(), make_request(tenant="other")])
    batch = steps.next_batch()
    assert [steps.cancel(request) for request in batch] == [True, True]
    steps.settle(batch)
    assert (steps.requests(), steps.next_batch()) == ([], [])


def test_cancelling_a_waiting_request_leaves_no_trace() -> None:
    steps = scheduler(max_batch=1)
    _, waiting = add_all(steps, [make_request(), make_request()])
    assert steps.cancel(waiting)
    assert (steps.waiting, waiting.state) == (0, RequestState.CANCELLED)


def test_those_that_have_left_leave_nothing_behind() -> None:
    steps = scheduler(max_batch=1)
    requests = add_all(steps, [make_request(deadline=9999, steps=1, side=8 + 8 * (i % 2)) for i in range(6)])
    run_step(steps)
    for request in requests:
        steps.cancel(request)
    remains = [weakref.ref(request) for request in requests]
    del requests, request
    gc.collect()
    assert [remain() for remain in remains] == [None] * 6


def test_a_request_that_failed_in_its_step_leaves_with_it() -> None:
    steps = scheduler(max_batch=2)
    failing, other = add_all(steps, [make_request(), make_request()])
    batch = steps.next_batch()
    failing.state = RequestState.FAILED
    steps.settle(batch)
    assert steps.requests() == [other]


def test_what_does_not_fit_into_memory_alone_is_refused() -> None:
    steps = scheduler(memory=four_rows_of_32())
    for request in (make_request(side=128), make_request(side=64, guided=True)):
        with pytest.raises(OutOfMemory):
            steps.add(request)
    assert steps.add(make_request(side=64)) == 0


def test_a_step_has_no_more_rows_than_fit_into_memory() -> None:
    steps = scheduler(max_batch=8, memory=four_rows_of_32())
    guided, other, third = add_all(steps, [make_request(guided=True), make_request(guided=True), make_request()])
    assert run_step(steps) == [guided, other]
    assert run_step(steps) == [guided, other]
    assert run_step(steps) == [third]


def test_a_row_that_a_guided_request_cannot_use_goes_to_the_next() -> None:
    turns = StepTurns(max_batch=8, memory=four_rows_of_32())
    first, second, third, guided, fifth = [make_request(guided=i == 3) for i in range(5)]
    for tag, request in enumerate((first, second, third, guided, fifth)):
        turns.start(request, tag)
    assert turns.batch() == [first, second, third, fifth]
    turns.leave(first)
    turns.leave(third)
    assert turns.batch() == [second, guided, fifth]
    sixth = make_request()
    turns.start(sixth, 5)
    assert turns.batch() == [second, guided, fifth]


def test_after_running_out_of_memory_the_steps_are_smaller_and_a_request_alone_still_runs() -> None:
    steps = scheduler(max_batch=4)
    requests = add_all(steps, [make_request() for _ in range(4)])
    steps.shrink(requests[0].key, 2)
    assert [run_step(steps) for _ in range(4)] == [requests[:2]] * 2 + [requests[2:]] * 2
    large = add_all(steps, [make_request(side=64, guided=True) for _ in range(2)])
    assert [run_step(steps) for _ in range(4)] == [large[:1]] * 2 + [large[1:]] * 2
