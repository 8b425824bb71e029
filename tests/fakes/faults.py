"""Kills whoever makes a certain call to the outside, before or after it has its effect."""

from dataclasses import dataclass
from typing import Any, Literal


class Killed(BaseException):
    """What SIGKILL is to a process: no handler of `Exception` sees it."""


@dataclass
class Fuse:
    """Counts the calls of everything that it guards, and blows at one of them."""

    at: int | None = None
    """Which call, from 0; None for none."""
    when: Literal["before", "after"] = "before"
    calls: int = 0

    def guard(self, target: Any) -> Any:
        """`target`, each of whose asynchronous calls is counted."""
        return _Guarded(target, self)


class _Guarded:
    def __init__(self, target: Any, fuse: Fuse) -> None:
        self._target = target
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute):
            return attribute

        async def call(*args: Any, **kwargs: Any) -> Any:
            fuse = self._fuse
            number, fuse.calls = fuse.calls, fuse.calls + 1
            if number == fuse.at and fuse.when == "before":
                raise Killed(name)
            answer = await attribute(*args, **kwargs)
            if number == fuse.at:
                raise Killed(name)
            return answer

        return call
