"""Texts out of a text engine's events: one whole, or several at a time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gitex.errors import EngineFailure
from gitex.events import TextDelta, TextEvent, TextFinished, TokenLogprob


@dataclass(frozen=True)
class Text:
    """A whole text, why it ended, and its tokens' log-probabilities if they were asked for."""

    text: str
    finished: TextFinished
    logprobs: tuple[TokenLogprob, ...] = ()


async def whole_text(events: AsyncGenerator[TextEvent, None]) -> Text:
    """Read a text engine's events to the end."""
    async with aclosing(merged([events])) as numbered:
        return (await whole_texts(numbered, 1))[0]


async def whole_texts(events: AsyncGenerator[tuple[int, TextEvent], None], count: int) -> list[Text]:
    """Read `count` merged texts to their ends. Raises `EngineFailure` if one does not come to its end."""
    deltas: list[list[TextDelta]] = [[] for _ in range(count)]
    ends: dict[int, TextFinished] = {}
    async with aclosing(events):
        async for index, event in events:
            if isinstance(event, TextDelta):
                deltas[index].append(event)
            elif isinstance(event, TextFinished):
                ends[index] = event
    if len(ends) < count:
        raise EngineFailure("the engine ended without finishing the text")
    return [
        Text("".join(d.text for d in parts), ends[i], tuple(entry for d in parts for entry in d.logprobs))
        for i, parts in enumerate(deltas)
    ]


async def merged(
    streams: Sequence[AsyncGenerator[TextEvent, None]],
) -> AsyncGenerator[tuple[int, TextEvent], None]:
    """The events of all `streams` as they come, each with its stream's number; each stream is read one event ahead.

    The first exception ends them all and is raised. Closing this closes them.
    """
    coming = {asyncio.ensure_future(anext(stream)): i for i, stream in enumerate(streams)}
    try:
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for read in sorted(done, key=coming.__getitem__):
                index = coming.pop(read)
                try:
                    event = read.result()
                except StopAsyncIteration:
                    continue
                coming[asyncio.ensure_future(anext(streams[index]))] = index
                yield index, event
    finally:
        for read in coming:
            read.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for stream in streams:
            await stream.aclose()
