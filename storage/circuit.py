"""When to leave a broken server alone, and when to look whether it is back."""

from gitex.ports import Clock

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 2.0
# A server that fails again so soon after it came back gets no fresh start.
CALM_SECONDS = 5.0


class Circuit:
    """Open while its server is known to fail. Not thread-safe; the owner does the probing.

    The first look is at once, so that a hiccup costs little; then the pauses double up to `LONGEST_SECONDS`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_at = -CALM_SECONDS
        self._pause = 0.0
        self.problem: str | None = None
        """Why it is open; None while it is closed."""

    def open(self, problem: str) -> None:
        """The server failed."""
        if self.problem is None and self._clock.now() - self._closed_at >= CALM_SECONDS:
            self._pause = 0.0
        self.problem = problem

    def close(self) -> None:
        """The server is well."""
        if self.problem is not None:
            self.problem = None
            self._closed_at = self._clock.now()

    def next_pause(self) -> float:
        """Seconds to let pass before the next look."""
        pause = self._pause
        self._pause = min(LONGEST_SECONDS, max(FIRST_SECONDS, 2 * pause))
        return pause
