"""Several texts at a time: all of each, in any order, and nobody works on for nobody."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from gitex.errors import EngineFailure, Unavailable
from gitex.events import Queued, TextDelta, TextEvent, TextFinished
from serve_app.services.texts import merged, whole_text, whole_texts

END = TextFinished("stop", 3, 2)


class Source:
    """A stream of events that waits before each of them, and knows whether it was closed before its end."""

    def __init__(self, *events: TextEvent | Exception) -> None:
        self.events = events
        self.go = asyncio.Semaphore(1000)
        self.given = 0
        self.given_up = False
        self.ended = asyncio.Event()

    async def __call__(self) -> AsyncGenerator[TextEvent, None]:
        try:
            for event in self.events:
                await self.go.acquire()
                if isinstance(event, Exception):
                    raise event
                self.given += 1
                yield event
            self.ended.set()
        except (asyncio.CancelledError, GeneratorExit):
            self.given_up = True
            raise


async def test_each_text_is_put_together_from_its_own_events() -> None:
    one = Source(Queued(1), TextDelta("a", 1), TextDelta("b", 1), END)
    other = Source(TextDelta("x", 1), END)
    other.go = asyncio.Semaphore(0)
    texts = asyncio.ensure_future(whole_texts(merged([one(), other()]), 2))
    await one.ended.wait()
    other.go.release()
    other.go.release()
    assert [text.text for text in await texts] == ["ab", "x"]


async def test_events_come_as_soon_as_they_are_there() -> None:
    slow, quick = Source(TextDelta("s", 1), END), Source(TextDelta("q", 1), END)
    slow.go = asyncio.Semaphore(0)
    events = merged([slow(), quick()])
    assert await anext(events) == (1, TextDelta("q", 1))
    await events.aclose()
    assert slow.given_up


async def test_closing_gives_every_stream_up() -> None:
    sources = [Source(TextDelta("a", 1), *[TextDelta("b", 1)] * 200, END) for _ in range(3)]
    events = merged([source() for source in sources])
    await anext(events)
    await events.aclose()
    assert all(source.given_up for source in sources)


async def test_events_do_not_pile_up_before_a_slow_reader() -> None:
    source = Source(*[TextDelta("a", 1)] * 500, END)
    events = merged([source()])
    await anext(events)
    for _ in range(100):
        await asyncio.sleep(0)
    assert source.given == 2
    await events.aclose()


async def test_the_first_failure_is_raised_and_ends_the_others() -> None:
    fine, broken = Source(*[TextDelta("a", 1)] * 300, END), Source(Unavailable("gone"))
    with pytest.raises(Unavailable):
        await whole_texts(merged([fine(), broken()]), 2)
    assert fine.given_up


async def test_a_stream_that_ends_without_its_last_event_is_a_failure() -> None:
    with pytest.raises(EngineFailure):
        await whole_text(Source(TextDelta("a", 1))())
