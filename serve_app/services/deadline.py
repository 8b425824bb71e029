"""Deadlines on event streams."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from gitex.errors import DeadlineExceeded

E = TypeVar("E")


async def until(deadline: float, events: AsyncGenerator[E, None]) -> AsyncGenerator[E, None]:
    """Pass `events` on until `deadline` (Unix seconds), then close them and raise `DeadlineExceeded`.

    Each event is waited for on its own instead of under one `asyncio.timeout`: the reader may hand the stream from
    one task to another between two events, and a timeout belongs to the task that opened it.
    """
    async with aclosing(events):
        while True:
            try:
                event = await asyncio.wait_for(anext(events), deadline - time.time())
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise DeadlineExceeded("the request took longer than this service allows") from None
            yield event
