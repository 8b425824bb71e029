"""Measurements of a command, which nobody collects."""

from collections.abc import Mapping


class Unrecorded:
    """A `gitex.ports.Recorder`."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        """Nothing."""

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Nothing."""

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Nothing."""
