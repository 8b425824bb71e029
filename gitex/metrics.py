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
CACHE_FAILURES = Metric(
    "gitex_cache_failures_total",
    "counter",
    "What the prompt cache and its flights did not do: slow, gone, full, refused, garbage, skipped, dropped.",
    ("operation", "reason"),
)
CACHE_DEGRADED = Metric("gitex_cache_degraded", "gauge", "1 while requests go on without the prompt cache's server.")
FLIGHTS = Metric(
    "gitex_flights_total",
    "counter",
    "Runs by their part in the cluster's single flight: led, followed, alone; stale: another took over.",
    ("part",),
)
CORRUPT_BLOBS = Metric(
    "gitex_corrupt_blobs_total",
    "counter",
    "Stored bytes found broken on a read: corrupt or missing; healed from a pin, or lost.",
    ("found", "outcome"),
)
TEMPLATE_READS = Metric(
    "gitex_template_reads_total",
    "counter",
    "Pictures asked for by a prompt template: hit, miss, joined, bypass.",
    ("template", "result"),
)
TEMPLATE_SAVED_SECONDS = Metric(
    "gitex_template_saved_seconds_total",
    "counter",
    "Engine seconds (encode, denoise, decode) of the making of pictures that the cache answered with.",
    ("template",),
)
CANCELLED = Metric("gitex_cancelled_total", "counter", "Requests whose caller went away before the end.", ("variant",))
PINS = Metric("gitex_pins_total", "counter", "What pin targets said of a root when asked.", ("target", "state"))
PUBLICATIONS = Metric("gitex_publications_total", "counter", "Publications that came into a state.", ("state",))
MINTS = Metric("gitex_mints_total", "counter", "Mints that came into a state.", ("state",))
MINT_SECONDS = Metric(
    "gitex_mint_seconds",
    "histogram",
    "Seconds from a mint's signature to its final block.",
    ("chain",),
    (*_SECONDS, 600.0, 1800.0),
)
MINT_PROBLEM = Metric(
    "gitex_mint_problem",
    "gauge",
    "1 while minting is held up: node, wrong_chain, funds, fee_cap, nonce, refused, paused, signer.",
    ("sender", "problem"),
)
MINT_FEES_WEI = Metric("gitex_mint_fees_wei_total", "counter", "What final transactions cost, in wei.", ("sender",))
TRANSACTIONS = Metric(
    "gitex_chain_transactions_total",
    "counter",
    "Transactions by what happened: signed, replaced, resent, mined, reorganised, final, reverted, lost, filler.",
    ("sender", "event"),
)
DEPOSITS = Metric("gitex_deposits_total", "counter", "Deposits of the fee vault that were credited.", ("chain",))

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
    CACHE_FAILURES,
    CACHE_DEGRADED,
    FLIGHTS,
    CORRUPT_BLOBS,
    TEMPLATE_READS,
    TEMPLATE_SAVED_SECONDS,
    CANCELLED,
    PINS,
    PUBLICATIONS,
    MINTS,
    MINT_SECONDS,
    MINT_PROBLEM,
    MINT_FEES_WEI,
    TRANSACTIONS,
    DEPOSITS,
)
