"""Showing how many of many are done: a live bar on a terminal, a few plain lines elsewhere."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_LINES = 4


class CountingView(Protocol):
    """Told whenever something is done."""

    def show(self, done: int, note: str) -> None: ...


def counting_view(stream: TextIO, total: int) -> AbstractContextManager[CountingView]:
    """The view of `total` things that suits `stream`; leaving it ends the drawing."""
    if not stream.isatty():
        return PlainCount(stream, total)
    from rich.console import Console

    return LiveCount(Console(file=stream), total)


class PlainCount:
    """A line every quarter of the way."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, done: int, note: str) -> None:
        """Write a line if it is time for one."""
        if done == self._total or done % max(1, self._total // _PLAIN_LINES) == 0:
            print(f"{done}/{self._total} {note}", file=self._stream, flush=True)


class LiveCount:
    """A bar that disappears at the end."""

    def __init__(self, console: "Console", total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int, note: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, description=note)
