"""Showing how far a picture is: a live bar on a terminal, a few plain lines elsewhere."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from gitex.events import Queued, Step

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_LINES = 4


class ProgressView(Protocol):
    """Told of every event."""

    def show(self, event: Queued | Step) -> None: ...


def progress_view(stream: TextIO) -> AbstractContextManager[ProgressView]:
    """The view that suits `stream`; leaving it ends the drawing."""
    if not stream.isatty():
        return PlainProgress(stream)
    from rich.console import Console

    return LiveProgress(Console(file=stream))


class PlainProgress:
    """A line when the request starts to wait, and one every quarter of the steps."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Queued | Step) -> None:
        """Write a line if the event deserves one."""
        match event:
            case Queued(ahead=ahead):
                self._write(f"queued, {ahead} ahead")
            case Step(index=index, total=total):
                if index == total or index % max(1, total // _PLAIN_LINES) == 0:
                    self._write(f"step {index}/{total}")

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveProgress:
    """A bar that disappears when the picture is there."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("waiting for the service", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, event: Queued | Step) -> None:
        """Move the bar."""
        match event:
            case Queued(ahead=ahead):
                self._bar.update(self._task, description=f"queued, {ahead} ahead")
            case Step(index=index, total=total):
                self._bar.update(self._task, description=f"step {index}/{total}", completed=index, total=total)
