"""Time that stands still until a test moves it."""

from dataclasses import dataclass


@dataclass
class StillClock:
    """A `gitex.ports.Clock`."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds
