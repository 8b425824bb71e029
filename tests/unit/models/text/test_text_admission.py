"""The bounded queue in front of the slots."""

import asyncio

import pytest

from gitex.errors import Overloaded, Unavailable
from models.text.admission import Admission


async def test_places_are_given_in_order_of_arrival() -> None:
    admission = Admission(slots=1, max_waiting=2)
    first, second, third = (admission.enter(1.0) for _ in range(3))
    assert [p.done() for p in (first, second, third)] == [True, False, False]
    admission.leave(first)
    assert [p.done() for p in (second, third)] == [True, False]
    admission.leave(second)
    admission.leave(third)
    assert (admission.active, admission.waiting) == (0, 0)


async def test_a_full_queue_says_when_to_come_back() -> None:
    admission = Admission(slots=1, max_waiting=1)
    admission.enter(1.0), admission.enter(1.0)
    with pytest.raises(Overloaded) as caught:
        admission.enter(7.5)
    assert caught.value.retry_after == 7.5


async def test_one_who_leaves_the_queue_does_not_free_a_slot() -> None:
    admission = Admission(slots=1, max_waiting=2)
    admission.enter(1.0)
    waiting = admission.enter(1.0)
    admission.leave(waiting)
    assert (admission.active, admission.waiting) == (1, 0)


async def test_a_slot_is_not_given_to_one_who_was_cancelled_while_waiting() -> None:
    admission = Admission(slots=1, max_waiting=2)
    first, gone, next_ = (admission.enter(1.0) for _ in range(3))
    gone.cancel()
    admission.leave(first)
    assert next_.done()
    admission.leave(gone)
    assert admission.active == 1
    admission.leave(next_)
    assert admission.active == 0


async def test_a_slot_given_at_the_moment_of_leaving_is_passed_on() -> None:
    admission = Admission(slots=1, max_waiting=2)
    first, second, third = (admission.enter(1.0) for _ in range(3))
    admission.leave(first)
    admission.leave(second)
    assert third.done()


async def test_refusing_fails_everybody_who_waits() -> None:
    admission = Admission(slots=1, max_waiting=2)
    admission.enter(1.0)
    waiting = admission.enter(1.0)
    admission.refuse_waiting(Unavailable("closing"))
    with pytest.raises(Unavailable):
        await asyncio.wait_for(waiting, 1)
    admission.leave(waiting)
    assert admission.active == 1
