"""Whose turn it is inside a tenant: priority, deadline, key, and age."""

import random
from contextlib import suppress

import pytest

from gitex.errors import Overloaded
from models.diffusion.request import DiffusionRequest, RequestState
from tests.unit.models.diffusion.making import HandClock, make_request
from tests.unit.models.diffusion.scheduling import add_all, run_step, scheduler


def test_an_overdue_request_whose_lane_is_full_does_not_block_the_others() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=2, clock=clock)
    *_, overdue = add_all(steps, [make_request(steps=9) for _ in range(3)])
    clock.seconds += 11
    other = make_request(side=64, submitted=clock.seconds)
    steps.add(other)
    assert (other.state, overdue.state) == (RequestState.RUNNING, RequestState.WAITING)


def test_a_tenants_keys_get_slots_in_turn() -> None:
    steps = scheduler(max_batch=2)
    add_all(steps, [make_request(side=side, steps=1) for side in (16, 24) for _ in range(2)])
    waiting = add_all(steps, [make_request(side=side, steps=9) for side in (32, 40) for _ in range(3)])
    run_step(steps)
    assert [request.key.area for request in waiting if request.state is RequestState.RUNNING] == [16, 25]


def test_priority_counts_inside_a_tenant_only() -> None:
    steps = scheduler(max_batch=1)
    add_all(steps, [make_request("a", steps=4), make_request("b", steps=4)])
    low, high = add_all(steps, [make_request("a", steps=4), make_request("a", steps=4, priority=5)])
    fair = make_request("b", steps=4)
    steps.add(fair)
    order = list(dict.fromkeys(run_step(steps)[0] for _ in range(20)))
    assert order[2:] == [high, fair, low]


def test_the_earliest_deadline_goes_first_inside_a_tenant_and_a_priority() -> None:
    steps = scheduler(max_batch=1)
    running = make_request()
    urgent_but_low = make_request(deadline=1100, priority=-1)
    late, none, early = make_request(deadline=1300), make_request(), make_request(deadline=1200)
    add_all(steps, [running, urgent_but_low, none, late, early])
    order = list(dict.fromkeys(run_step(steps)[0] for _ in range(10)))
    assert order == [running, early, late, none, urgent_but_low]


def test_an_overdue_request_gets_every_second_slot_of_its_tenant() -> None:
    clock = HandClock()
    steps = scheduler(max_batch=1, clock=clock)
    old = add_all(steps, [make_request(steps=1) for _ in range(4)])
    clock.seconds += 11
    new = add_all(steps, [make_request(steps=1, submitted=clock.seconds, priority=1) for _ in range(4)])
    order = [run_step(steps)[0] for _ in range(8)]
    assert order == [old[0], old[1], new[0], old[2], new[1], old[3], new[2], new[3]]


def stream(seed: int, clock: HandClock) -> list[DiffusionRequest]:
    """What others ask for between two steps: more urgent, of all sizes, by newcomers and by the victim's own tenant."""
    draw = random.Random(seed)
    return [
        make_request(
            draw.choice(["victim", "other", f"new{seed}"]),
            draw.choice([8, 16, 32]),
            steps=draw.randint(1, 6),
            submitted=clock.seconds,
            deadline=clock.seconds + 1000,
            priority=9,
            guided=draw.random() < 0.5,
        )
        for _ in range(2)
    ]


@pytest.mark.parametrize("side", [8, 32, 128])
@pytest.mark.parametrize("max_batch", [1, 4])
def test_the_least_urgent_request_is_not_starved_by_an_endless_stream(side: int, max_batch: int) -> None:
    clock = HandClock()
    steps = scheduler(max_batch, max_waiting=30, clock=clock)
    victim: DiffusionRequest | None = None
    for seed in range(2500):
        for request in stream(seed, clock):
            with suppress(Overloaded):
                steps.add(request)
        if seed == 50:
            for request in steps.requests():
                if request.context.tenant == "victim":
                    steps.cancel(request)
            victim = make_request("victim", side, steps=5, submitted=clock.seconds, priority=-1)
            steps.add(victim)
        run_step(steps)
        clock.seconds += 0.1
        if victim is not None and victim.state.is_finished:
            break
    assert victim is not None
    assert victim.state is RequestState.FINISHED
