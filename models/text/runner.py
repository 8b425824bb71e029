"""Runs token requests through transformers' continuous batching and hands their tokens on as they come."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel
from transformers.generation.continuous_batching.requests import GenerationOutput, RequestStatus

from gitex.errors import EngineFailure
from models.text.constraints import Form
from models.text.processor import ROW, Note, Row, per_request_sampling
from models.text.sampling import Sampling

PAGE_TOKENS = 64
MAX_CACHE_TOKENS = 65_536
"""Key-value cache of all requests together; one request must fit into it."""
_PREFILL_TOKENS = 512
_POLL_SECONDS = 0.1
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class TokenRequest:
    """One sequence to continue."""

    id: str
    prompt: list[int]
    max_tokens: int
    stop_tokens: list[int]
    sampling: Sampling
    top_logprobs: int | None = None
    """Note each token's log-probability, and those of this many likeliest tokens; None notes none."""
    form: Form | None = None


@dataclass(frozen=True)
class NewTokens:
    """Tokens that came; after one with `finished` nothing more comes."""

    tokens: list[int]
    finished: bool
    notes: list[Note] = field(default_factory=list)
    """One a token, if they were asked for."""


@dataclass(frozen=True)
class Load:
    """What the manager is busy with."""

    requests: int
    free_pages: int


@dataclass(frozen=True)
class Broken:
    """The request failed in the engine; nothing more comes."""

    reason: str


Deliver = Callable[[NewTokens | Broken], object]


class TokenRunner:
    """Owns the model, the manager's thread that computes, and a thread that delivers.

    `deliver` is called on the delivering thread and must not block. Every submitted request that is not cancelled is
    told `finished` or `Broken` exactly once, whatever happens to the threads.
    """

    def __init__(self, model: PreTrainedModel, *, max_batch: int, context_length: int) -> None:
        pages = min(max_batch * -(-context_length // PAGE_TOKENS), MAX_CACHE_TOKENS // PAGE_TOKENS)
        self._manager = model.init_continuous_batching(
            # Greedy, because our processor has chosen before; stop tokens come with each request.
            generation_config=GenerationConfig(do_sample=False, eos_token_id=-1),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=PAGE_TOKENS,
                num_blocks=pages,
                max_batch_tokens=max(_PREFILL_TOKENS, max_batch),
                max_requests_per_batch=max_batch,
                safety_margin=0.0,
                # Sharing pages, double buffering and graphs would each make a request's numbers depend on the others.
                allow_block_sharing=False,
                use_async_batching=False,
                use_cuda_graph=False,
            ),
        )
        self._manager.logit_processor = per_request_sampling()
        self._deliveries: dict[str, _Delivery] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._ended = False
        self._thread = threading.Thread(target=self._deliver_all, name="text-delivery", daemon=True)

    def start(self) -> None:
        """Start both threads; returns when the model has produced a first token. Raises `EngineFailure`."""
        self._manager.start()
        self._thread.start()
        first: queue.SimpleQueue[NewTokens | Broken] = queue.SimpleQueue()
        self.submit(TokenRequest("warm-up", [0], 1, [], Sampling(0)), first.put)
        outcome = first.get()
        if isinstance(outcome, Broken):
            raise EngineFailure(f"the text engine did not start: {outcome.reason}")

    def submit(self, request: TokenRequest, deliver: Deliver) -> None:
        """Begin `request`. Raises `EngineFailure` if the engine is dead."""
        row = Row(len(request.prompt), request.sampling, request.top_logprobs, request.form)
        with self._lock:
            self.check()
            self._deliveries[request.id] = _Delivery(deliver, row.notes)
        self._manager.add_request(
            request.prompt,
            request_id=request.id,
            max_new_tokens=request.max_tokens,
            streaming=True,
            eos_token_id=request.stop_tokens,
            **{ROW: row},
        )

    def cancel(self, request_id: str) -> None:
        """Drop a request; its memory is free before the next step. Nothing more is delivered for it."""
        with self._lock:
            known = self._deliveries.pop(request_id, None)
        if known:
            self._manager.cancel_request(request_id)

    def check(self) -> None:
        """Raise `EngineFailure` if the computing thread has ended."""
        error = self._manager.background_thread_status.fatal_error
        if error is not None:
            raise EngineFailure(f"the text engine stopped: {error}")
        if self._ended or self._stopping or not self._manager.is_running():
            raise EngineFailure("the text engine is not running")

    def load(self) -> Load:
        """How many requests hold memory, and how much is free; as of the last step that began."""
        scheduler = self._manager.batch_processor.scheduler
        free = (scheduler.cache.pool.count_free_blocks(a.index) for a in scheduler.cache.cache_allocators.values())
        return Load(len(scheduler.active_requests) + len(scheduler.waiting_requests), min(free))

    def stop(self) -> None:
        """End both threads; unfinished requests are told `Broken`. Blocks for one step of the model at most."""
        if self._stopping:
            return
        self._stopping = True
        self._manager.stop(block=True, timeout=_STOP_SECONDS, hard_stop=True)
        self._thread.join(_STOP_SECONDS)
        self._manager.destroy()

    def _deliver_all(self) -> None:
        while not self._stopping and self._manager.is_running():
            output = self._manager.get_result(timeout=_POLL_SECONDS)
            if output is not None:
                self._hand_on(output)
        self._break_all()

    def _hand_on(self, output: GenerationOutput) -> None:
        with self._lock:
            delivery = self._deliveries.get(output.request_id)
            if delivery is not None and output.is_finished():
                del self._deliveries[output.request_id]
        if delivery is None:
            return
        if output.status == RequestStatus.FAILED:
            delivery.deliver(Broken(output.error or "unknown"))
            return
        fresh = output.generated_tokens[delivery.delivered :]
        numbers = range(delivery.delivered, delivery.delivered + len(fresh))
        delivery.delivered += len(fresh)
        notes = [delivery.notes.pop(number) for number in numbers] if delivery.notes else []
        delivery.deliver(NewTokens(fresh, output.is_finished(), notes))

    def _break_all(self) -> None:
        with self._lock:
            self._ended = True
            left, self._deliveries = list(self._deliveries.values()), {}
        reason = str(self._manager.background_thread_status.fatal_error or "the engine's thread ended")
        for delivery in left:
            delivery.deliver(Broken(reason))


@dataclass
class _Delivery:
    deliver: Deliver
    notes: dict[int, Note]
    delivered: int = 0
