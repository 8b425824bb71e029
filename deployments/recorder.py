"""Records our declared metrics through `ray.serve.metrics`, so that every Ray node exports them."""

from collections.abc import Mapping

from ray.serve import metrics

from gitex.metrics import ALL, Metric


class RayRecorder:
    """A `gitex.ports.Recorder`. Only for code that runs inside a Ray process."""

    def __init__(self) -> None:
        self._counters = {m.name: _counter(m) for m in ALL if m.kind == "counter"}
        self._histograms = {m.name: _histogram(m) for m in ALL if m.kind == "histogram"}
        self._gauges = {m.name: _gauge(m) for m in ALL if m.kind == "gauge"}

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        if amount > 0:
            self._counters[metric].inc(amount, tags=dict(tags))

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Put one value into a histogram."""
        self._histograms[metric].observe(value, tags=dict(tags))

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Set a gauge."""
        self._gauges[metric].set(value, tags=dict(tags))


def _counter(metric: Metric) -> metrics.Counter:
    return metrics.Counter(metric.name, description=metric.description, tag_keys=metric.tags)


def _histogram(metric: Metric) -> metrics.Histogram:
    return metrics.Histogram(
        metric.name, description=metric.description, tag_keys=metric.tags, boundaries=list(metric.buckets)
    )


def _gauge(metric: Metric) -> metrics.Gauge:
    return metrics.Gauge(metric.name, description=metric.description, tag_keys=metric.tags)
