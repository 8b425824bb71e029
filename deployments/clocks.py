"""The clock of real processes."""

import time


class MonotonicClock:
    """A `gitex.ports.Clock`."""

    def now(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()
