"""How the engine thread tells a caller's event loop what happened."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gitex.errors import GitexError

Pixels = NDArray[np.uint8]
"""A picture of shape (height, width, 3), sRGB, 0..255."""


@dataclass(frozen=True)
class StepDone:
    """Step `index` of `total` is done, counted from 1."""

    index: int
    total: int
    preview: Pixels | None
    """Small: whoever shows it blows it up to the picture's size."""


@dataclass(frozen=True)
class PictureDone:
    """All steps are done and decoded; seconds spent in each stage."""

    pixels: Pixels
    queue: float
    encode: float
    denoise: float
    decode: float


Letter = StepDone | PictureDone | GitexError


class Post(NamedTuple):
    """A letter on its way."""

    mailbox: "Mailbox"
    letter: Letter


class Mailbox:
    """Letters to one caller. It holds at most one letter a step and a last one, so it needs no other bound."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: asyncio.Queue[Letter] = asyncio.Queue()

    async def next(self) -> Letter:
        """Wait for the next letter; on the caller's loop only."""
        return await self._letters.get()

    @staticmethod
    def deliver(posts: Iterable[Post]) -> list["Mailbox"]:
        """Send letters from any thread, waking each loop once. Returns the boxes whose loop is gone."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Post]] = defaultdict(list)
        for post in posts:
            by_loop[post.mailbox._loop].append(post)
        gone: list[Mailbox] = []
        for loop, bundle in by_loop.items():
            try:
                loop.call_soon_threadsafe(_put_all, bundle)
            except RuntimeError:  # the loop is closed: nobody is left to read
                gone += [post.mailbox for post in bundle]
        return gone


def _put_all(bundle: list[Post]) -> None:
    for post in bundle:
        post.mailbox._letters.put_nowait(post.letter)
