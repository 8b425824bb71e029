"""Every metric of the system, declared once: code records by these names, the documentation is checked against them."""

from dataclasses import dataclass
from typing import Literal

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True)
class Metric:
    """One time series family."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    description: str
    tags: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Metric("gitex_requests_total", "counter", "HTTP requests answered.", ("route", "method", "status"))
REQUEST_SECONDS = Metric(
    "gitex_request_seconds", "histogram", "Seconds from request to the end of its answer.", ("route",), _SECONDS
)
STAGE_SECONDS = Metric(
    "gitex_stage_seconds",
    "histogram",
    "Seconds a finished request spent in a stage: queue, encode, denoise, decode, store.",
    ("variant", "stage"),
    _SECONDS,
)
BATCH_SIZE = Metric(
    "gitex_step_batch_size",
    "histogram",
    "Requests that shared one forward pass.",
    ("variant",),
    (1, 2, 4, 8, 16, 32, 64),
)
QUEUE_AGE_SECONDS = Metric("gitex_queue_age_seconds", "gauge", "Age of the oldest waiting request.", ("variant",))
WAITING = Metric("gitex_waiting_requests", "gauge", "Requests that wait for the engine.", ("variant",))
ACTIVE = Metric("gitex_active_requests", "gauge", "Requests that the engine works on.", ("variant",))
IMAGES = Metric("gitex_images_total", "counter", "Pictures finished by an engine.", ("variant",))
TOKENS = Metric("gitex_tokens_total", "counter", "Text tokens generated.", ("variant",))
CACHE_READS = Metric("gitex_cache_reads_total", "counter", "Look-ups: hit, miss, joined, bypass.", ("result",))
CANCELLED = Metric("gitex_cancelled_total", "counter", "Requests whose caller went away before the end.", ("variant",))

ALL: tuple[Metric, ...] = (
    REQUESTS,
    REQUEST_SECONDS,
    STAGE_SECONDS,
    BATCH_SIZE,
    QUEUE_AGE_SECONDS,
    WAITING,
    ACTIVE,
    IMAGES,
    TOKENS,
    CACHE_READS,
    CANCELLED,
)
