import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from gitex.errors import InvalidInput, Unavailable
from serve_app.services.single_flight import SingleFlight


class Work:
    """A run that yields 1, waits for its gate, yields 2."""

    def __init__(self, error: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        self.starts = 0
        self.cancelled = 0
        self.error = error

    async def run(self) -> AsyncGenerator[int, None]:
        self.starts += 1
        try:
            yield 1
            await self.gate.wait()
            if self.error:
                raise self.error
            yield 2
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def collect(flights: SingleFlight[int], key: str, work: Work) -> list[int]:
    return [event async for event in flights.join(key, work.run)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_equal_keys_share_one_run_and_all_get_its_result() -> None:
    flights, work = SingleFlight[int](), Work()
    followers = [asyncio.create_task(collect(flights, "a", work)) for _ in range(5)]
    await settle()
    work.gate.set()
    assert await asyncio.gather(*followers) == [[1, 2]] * 5
    assert work.starts == 1
    assert len(flights) == 0


async def test_one_who_joins_late_is_told_the_latest_event() -> None:
    flights, work = SingleFlight[int](), Work()
    first = asyncio.create_task(collect(flights, "a", work))
    await settle()
    late = asyncio.create_task(collect(flights, "a", work))
    await settle()
    work.gate.set()
    assert await late == [1, 2]
    assert await first == [1, 2]


async def test_different_keys_do_not_share() -> None:
    flights, one, other = SingleFlight[int](), Work(), Work()
    one.gate.set()
    other.gate.set()
    await asyncio.gather(collect(flights, "a", one), collect(flights, "b", other))
    assert (one.starts, other.starts) == (1, 1)


async def test_the_run_goes_on_while_anyone_follows_and_is_cancelled_when_the_last_leaves() -> None:
    flights, work = SingleFlight[int](), Work()
    tasks = [asyncio.create_task(collect(flights, "a", work)) for _ in range(2)]
    await settle()
    tasks[0].cancel()
    await settle()
    assert work.cancelled == 0
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.cancelled == 1
    assert len(flights) == 0


async def test_nobody_joins_a_run_that_is_being_cancelled() -> None:
    flights, work = SingleFlight[int](), Work()
    first = flights.join("a", work.run)
    assert await anext(first) == 1
    leaving = asyncio.create_task(first.aclose())
    again = asyncio.create_task(collect(flights, "a", work))
    await settle()
    work.gate.set()
    await leaving
    assert await again == [1, 2]


async def test_a_failure_reaches_every_follower_and_the_next_caller_starts_anew() -> None:
    flights, work = SingleFlight[int](), Work(InvalidInput("no"))
    tasks = [asyncio.create_task(collect(flights, "a", work)) for _ in range(3)]
    await settle()
    work.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InvalidInput] * 3
    work.error = None
    assert await collect(flights, "a", work) == [1, 2]
    assert work.starts == 2


async def test_close_tells_followers_that_the_service_stops() -> None:
    flights, work = SingleFlight[int](), Work()
    async with aclosing(flights.join("a", work.run)) as events:
        assert await anext(events) == 1
        await flights.close()
        with pytest.raises(Unavailable):
            await anext(events)
    assert work.cancelled == 1
