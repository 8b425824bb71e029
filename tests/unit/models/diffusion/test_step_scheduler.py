"""The step scheduler's policies, on a clock that stands still unless told."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitex.errors import Overloaded
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.step_scheduler import StepScheduler
from tests.unit.models.diffusion.making import HandClock, make_request


def scheduler(max_batch: int = 2, max_waiting: int = 100, clock: HandClock | None = None) -> StepScheduler:
    return StepScheduler(clock or HandClock(), max_batch, max_waiting, max_age=10.0)


def run_step(steps: StepScheduler) -> list[DiffusionRequest]:
    """What the step loop does to its batch, without a model."""
    batch = steps.next_batch()
    for request in batch:
        request.step += 1
        if request.step == request.total:
            request.state = RequestState.FINISHED
    steps.settle(batch)
    return batch


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


def test_a_full_queue_refuses_and_says_when_to_retry() -> None:
    steps = scheduler(max_batch=1, max_waiting=2)
    assert [steps.add(make_request()) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(Overloaded) as refusal:
        steps.add(make_request())
    assert refusal.value.retry_after >= 1
    assert (steps.active, steps.waiting) == (1, 2)


def test_a_full_queue_of_one_key_does_not_refuse_a_request_that_can_start_at_once() -> None:
    steps = scheduler(max_batch=1, max_waiting=1)
    steps.add(make_request(side=32))
    steps.add(make_request(side=32))
    large = make_request(side=64)
    assert steps.add(large) == 0
    assert large.state is RequestState.RUNNING


def test_retry_after_follows_the_pace() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, max_waiting=20, clock=clock)
    for _ in range(21):
        steps.add(make_request(steps=1))
    for _ in range(20):
        clock.seconds += 7.0
        run_step(steps)
        steps.add(make_request(steps=1))
    with pytest.raises(Overloaded) as refusal:
        steps.add(make_request())
    assert 5 < refusal.value.retry_after <= 7


def test_a_batch_has_one_key_and_keys_take_turns() -> None:
    steps = scheduler()
    small, large = make_request(side=32, steps=4), make_request(side=64, steps=4)
    steps.add(small)
    steps.add(large)
    assert [run_step(steps) for _ in range(4)] == [[small], [large], [small], [large]]


def test_a_waiting_request_of_another_key_is_not_starved() -> None:
    steps = scheduler(max_batch=2)
    for _ in range(20):
        steps.add(make_request(side=32, steps=5))
    large = make_request(side=64, steps=1)
    steps.add(large)
    assert large in run_step(steps) + run_step(steps)


def test_a_lane_whose_key_is_full_does_not_block_the_others() -> None:
    steps = scheduler(max_batch=1)
    steps.add(make_request(tenant="a", side=32))
    blocked, free = make_request(tenant="a", side=32), make_request(tenant="b", side=64)
    steps.add(blocked)
    steps.add(free)
    assert (blocked.state, free.state) == (RequestState.WAITING, RequestState.RUNNING)


def test_slots_go_to_the_tenants_in_turn() -> None:
    steps = scheduler(max_batch=1)
    flood = [make_request(tenant="big", steps=1) for _ in range(10)]
    for request in flood:
        steps.add(request)
    other = make_request(tenant="small", steps=1)
    steps.add(other)
    order = [run_step(steps)[0] for _ in range(4)]
    assert order.index(other) <= 2


def test_a_tenant_does_not_get_more_by_asking_for_many_sizes() -> None:
    steps = scheduler(max_batch=1)
    first = [make_request(tenant="other", side=8 * i, steps=1) for i in (1, 2)]
    waiting = [make_request(tenant="greedy", side=8 * i, steps=1) for i in range(3, 9)]
    fair = [make_request(tenant="modest", side=72, steps=1) for _ in range(3)]
    for request in [*first, *waiting, *fair]:
        steps.add(request)
    started = Counter[str]()
    for _ in range(4):
        run_step(steps)
    started.update(r.context.tenant for r in [*waiting, *fair] if r.state > RequestState.WAITING)
    assert abs(started["greedy"] - started["modest"]) <= 1


def test_an_overdue_request_goes_first_but_takes_every_second_slot_only() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    old = [make_request(tenant="old", steps=1) for _ in range(7)]
    for request in old:
        steps.add(request)
    clock.seconds += 11
    new = [make_request(tenant=f"new{i}", steps=1, submitted=clock.seconds) for i in range(3)]
    for request in new:
        steps.add(request)
    order = [run_step(steps)[0] for _ in range(7)]
    tenants = ["old" if request in old else "new" for request in order]
    assert tenants[0] == "old"  # it ran already
    assert tenants[1:].count("new") == 3
    assert "old" in tenants[1:3]


def test_an_overdue_request_does_not_wait_for_all_the_tenants_turns() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    old = [make_request(tenant="old", steps=1) for _ in range(3)]
    for request in old:
        steps.add(request)
    clock.seconds += 11
    for i in range(6):
        steps.add(make_request(tenant=f"new{i}", steps=1, submitted=clock.seconds))
    order = [run_step(steps)[0] for _ in range(4)]
    assert order[3] is old[2]


def test_a_tenants_keys_take_turns_for_its_slots() -> None:
    steps = scheduler(max_batch=1)
    for side in (16, 32):
        for _ in range(4):
            steps.add(make_request(side=side, steps=1))
    third = make_request(side=64, steps=1)
    steps.add(third)
    for _ in range(3):
        run_step(steps)
    assert third.state > RequestState.WAITING


def test_cancelling_frees_a_slot_at_once() -> None:
    steps = scheduler(max_batch=1)
    running, waiting = make_request(), make_request()
    steps.add(running)
    steps.add(waiting)
    batch = steps.next_batch()
    assert steps.cancel(running)
    assert waiting.state is RequestState.RUNNING
    steps.settle(batch)  # its step was in flight
    assert steps.next_batch() == [waiting]
    assert not steps.cancel(running)


def test_cancelling_a_waiting_request_leaves_no_trace() -> None:
    steps = scheduler(max_batch=1)
    steps.add(make_request())
    waiting = make_request()
    steps.add(waiting)
    assert steps.cancel(waiting)
    assert (steps.waiting, waiting.state) == (0, RequestState.CANCELLED)


def test_deadlines_drop_the_waiting_and_the_running() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    running, waiting = make_request(deadline=1005.0), make_request(deadline=1009.0)
    steps.add(running)
    steps.add(waiting)
    assert steps.expire() == []
    clock.seconds = 1006
    assert steps.expire() == [running]
    assert steps.next_batch() == [waiting]
    clock.seconds = 1010
    assert steps.expire() == [waiting]
    assert (steps.active, steps.waiting) == (0, 0)


def test_shrink_bounds_a_step_by_area_and_lets_the_rest_take_turns() -> None:
    steps = scheduler(max_batch=4)
    requests = [make_request(side=32, steps=2) for _ in range(4)]
    for request in requests:
        steps.add(request)
    steps.shrink(requests[0].key, 2)
    assert [run_step(steps) for _ in range(2)] == [requests[:2], requests[2:]]
    large = [make_request(side=64) for _ in range(2)]
    for request in large:
        steps.add(request)
    assert {len(run_step(steps)) for _ in range(6)} == {2, 1}


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc"), st.sampled_from([16, 32, 64]), st.integers(1, 4)),
        st.tuples(st.just("step")),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.floats(0, 8)),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(EVENTS, st.integers(1, 3), st.integers(1, 5))
def test_whatever_happens_bounds_hold_and_everyone_is_served(
    events: list[tuple[object, ...]], max_batch: int, max_waiting: int
) -> None:
    clock = HandClock()
    steps = scheduler(max_batch, max_waiting, clock)
    taken: list[DiffusionRequest] = []
    for event in events:
        match event:
            case ("add", str(tenant), int(side), int(total)):
                request = make_request(tenant, side, total, clock.seconds)
                try:
                    steps.add(request)
                except Overloaded:
                    assert steps.waiting == max_waiting
                else:
                    taken.append(request)
            case ("cancel", int(index)) if index < len(taken):
                steps.cancel(taken[index])
            case ("wait", float(seconds)):
                clock.seconds += seconds
            case _:
                assert len({request.key for request in run_step(steps)}) <= 1
        assert steps.waiting <= max_waiting
        assert steps.active <= 2 * max_batch
        assert len(steps.next_batch()) <= max_batch
        assert bool(steps.next_batch()) or not steps.waiting
    bound = sum(request.total for request in taken)
    for _ in range(bound):
        run_step(steps)
    assert all(request.state.is_finished for request in taken)
    assert (steps.waiting, steps.active, steps.requests()) == (0, 0, [])


def test_neither_a_step_nor_a_new_request_costs_more_when_thousands_wait() -> None:
    """Counted in calls, not in seconds: nobody else's lane is looked at unless a request can start."""
    steps = scheduler(max_batch=2, max_waiting=5000)
    for i in range(3000):
        steps.add(make_request(tenant=str(i), steps=50))
    newcomer = make_request(tenant="new")
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    run_step(steps)
    steps.add(newcomer)
    sys.setprofile(None)
    assert calls < 150
