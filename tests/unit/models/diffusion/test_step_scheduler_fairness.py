"""What each tenant and each size gets: the policies of the step scheduler, each pinned by a test."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitex.errors import Overloaded
from models.diffusion.pace import total_cost
from models.diffusion.request import DiffusionRequest, RequestState
from tests.unit.models.diffusion.making import make_request
from tests.unit.models.diffusion.scheduling import add_all, cost, run_step, scheduler, served


@dataclass(frozen=True)
class Shape:
    """What a tenant asks for, again and again."""

    side: int
    steps: int
    guided: bool = False

    def request(self, tenant: str) -> DiffusionRequest:
        return make_request(tenant, self.side, steps=self.steps, guided=self.guided)


def test_a_waiting_large_request_does_not_block_a_compatible_small_one() -> None:
    steps = scheduler(max_batch=2)
    long, *others = add_all(steps, [make_request(side=32, steps=50), *(make_request(side=64) for _ in range(5))])
    small = make_request(side=32, steps=1)
    steps.add(small)
    for _ in range(5):
        run_step(steps)
    assert small.state is RequestState.FINISHED
    assert long.step > 0
    assert any(not other.state.is_finished for other in others)


def test_a_large_request_gets_half_of_the_pixel_steps_beside_a_flood_of_small_ones() -> None:
    steps = scheduler(max_batch=2)
    add_all(steps, [make_request(side=16, steps=5) for _ in range(1000)])
    large = make_request(side=128, steps=4)
    steps.add(large)
    small = 0
    while not large.state.is_finished:
        batch = run_step(steps)
        small += 0 if large in batch else cost(batch)
    assert small <= total_cost(large)


def test_two_keys_take_turns() -> None:
    steps = scheduler()
    one, other = add_all(steps, [make_request(side=32, steps=9), make_request(side=32, steps=9, strict=True)])
    assert [run_step(steps) for _ in range(4)] == [[one], [other], [one], [other]]


def test_a_lane_whose_slots_fill_a_batch_does_not_block_the_others() -> None:
    steps = scheduler(max_batch=1)
    add_all(steps, [make_request(tenant="a", side=32)])
    blocked, free = add_all(steps, [make_request(tenant="a", side=32), make_request(tenant="b", side=32)])
    assert (blocked.state, free.state) == (RequestState.WAITING, RequestState.RUNNING)


@pytest.mark.parametrize("side", [32, 64])
def test_a_thousand_waiting_requests_do_not_keep_another_tenant_from_the_next_two_steps(side: int) -> None:
    steps = scheduler(max_batch=4)
    add_all(steps, [make_request("big", steps=20) for _ in range(1000)])
    newcomer = make_request("small", side)
    steps.add(newcomer)
    assert newcomer in run_step(steps) + run_step(steps)


@dataclass(frozen=True)
class Encounter:
    """A tenant's first request meets another's flood, some steps after that began."""

    max_batch: int
    flood: Shape
    lead: int
    own: Shape

    def run(self, *, same_size: bool) -> "Delay":
        steps = scheduler(self.max_batch)
        flood = add_all(steps, [self.flood.request("big") for _ in range(150)])
        for _ in range(self.lead):
            run_step(steps)
        newcomer = replace(self.own, side=self.flood.side).request("small") if same_size else self.own.request("small")
        steps.add(newcomer)
        others = 0
        while not newcomer.state.is_finished:
            batch = run_step(steps)
            others += 0 if newcomer in batch else cost(batch)
        return Delay(others, total_cost(newcomer), total_cost(flood[0]), cost(flood[: self.max_batch]))


class Delay(NamedTuple):
    """In pixel-steps."""

    others: int
    """Of the steps without the newcomer until it was through."""
    own: int
    flood_request: int
    flood_batch: int


SHAPES = st.builds(Shape, st.sampled_from([8, 16, 32, 64]), st.integers(1, 20), st.booleans())
ENCOUNTERS = st.builds(Encounter, st.integers(1, 4), SHAPES, st.integers(0, 30), SHAPES)


@settings(deadline=None, max_examples=40)
@given(ENCOUNTERS)
def test_a_flood_of_the_same_size_delays_anothers_first_request_by_one_of_its_own_at_most(meeting: Encounter) -> None:
    """They share each pass, so nothing is lost but what the flood's requests that are nearer to their end need."""
    delay = meeting.run(same_size=True)
    assert delay.others <= delay.flood_request


@settings(deadline=None, max_examples=40)
@given(ENCOUNTERS)
def test_a_flood_of_another_size_gets_no_more_than_its_share_meanwhile(meeting: Encounter) -> None:
    assume(meeting.own.side != meeting.flood.side)
    delay = meeting.run(same_size=False)
    assert delay.others <= delay.own + 2 * delay.flood_batch


@pytest.mark.parametrize("max_batch", [1, 4])
@pytest.mark.parametrize(
    "shapes",
    [
        [Shape(64, 10), Shape(8, 3)],
        [Shape(32, 20), Shape(32, 2)],
        [Shape(32, 5, guided=True), Shape(32, 5)],
        [Shape(16, 12), Shape(32, 3, guided=True), Shape(32, 1)],
    ],
)
def test_tenants_get_equal_pixel_steps_whatever_their_requests_are(max_batch: int, shapes: list[Shape]) -> None:
    steps = scheduler(max_batch, max_waiting=60)
    largest = max(total_cost(shape.request("any")) for shape in shapes)
    total = Counter[str]()
    while total.total() < 30 * max_batch * largest:
        for name, shape in enumerate(shapes):
            with suppress(Overloaded):
                add_all(steps, [shape.request(str(name)) for _ in range(max_batch)])
        total += served([run_step(steps) for _ in range(min(shape.steps for shape in shapes))])
    assert max(total.values()) - min(total.values()) <= 0.1 * total.total() / len(shapes)


def test_nobody_saves_up_by_asking_little_nor_pays_back_what_others_did_not_want() -> None:
    """A tenant that has long had all rows but one still gets its share when the others want theirs, and no more."""
    steps = scheduler(max_batch=4, max_waiting=200)
    for _ in range(400):
        with suppress(Overloaded):
            add_all(steps, [make_request("greedy", steps=5) for _ in range(5)])
        if sum(r.total - r.step for r in steps.requests() if r.context.tenant == "modest") <= 1:
            steps.add(make_request("modest", steps=5))
        run_step(steps)
    add_all(steps, [make_request(tenant, steps=5) for tenant in ("modest", "new") for _ in range(8)])
    total = served([run_step(steps) for _ in range(20)])
    assert min(total[tenant] for tenant in ("greedy", "modest", "new")) > total.total() / 5


def test_more_tenants_than_slots_share_in_pixel_steps_not_in_requests() -> None:
    steps = scheduler(max_batch=1)
    sizes = {f"large{i}": 20 for i in range(4)} | {f"small{i}": 2 for i in range(8)}
    add_all(steps, [make_request(t, steps=length) for t, length in sizes.items() for _ in range(400 // length)])
    total = served([run_step(steps) for _ in range(1200)])
    shares = [total[tenant] / total.total() * len(sizes) for tenant in sizes]
    assert min(shares) > 0.75
    assert max(shares) < 1.25


def test_a_tenant_does_not_get_more_by_asking_for_many_sizes() -> None:
    steps = scheduler(max_batch=2)
    add_all(steps, [make_request("greedy", side, steps=9) for side in (16, 24, 32, 40) for _ in range(200)])
    add_all(steps, [make_request("modest", side=48, steps=9) for _ in range(200)])
    total = served([run_step(steps) for _ in range(400)])
    assert total["greedy"] / total["modest"] == pytest.approx(1, abs=0.1)


def test_a_flood_leaves_places_in_the_queue_for_others() -> None:
    steps = scheduler(max_batch=1, max_waiting=40)
    accepted = 0
    for _ in range(100):
        try:
            steps.add(make_request("flood"))
            accepted += 1
        except Overloaded:
            continue
    assert accepted == 1 + 30  # a slot, and three quarters of the queue
    add_all(steps, [make_request("second") for _ in range(1 + 7)])
    add_all(steps, [make_request(f"more{i}") for i in range(2)])
    with pytest.raises(Overloaded):
        steps.add(make_request("flood"))
    assert steps.waiting <= 40
