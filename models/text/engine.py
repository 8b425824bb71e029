"""The text engine: copy specs in, text events out, many at a time over one model."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from transformers import PreTrainedTokenizerBase

from gitex import metrics
from gitex.errors import DeadlineExceeded, EngineFailure, InvalidInput, Unavailable
from gitex.events import Queued, TextDelta, TextEvent, TextFinished
from gitex.ports import Clock, Recorder, RunContext
from gitex.specs import MAX_SEED, CopySpec
from gitex.variants import ModelInfo, TextLimits
from models.text.admission import Admission
from models.text.answer import Answer
from models.text.constraints import Form, Vocabulary
from models.text.prompts import encode_prompt
from models.text.runner import Broken, NewTokens, TokenRequest, TokenRunner
from models.text.sampling import Sampling

_GUESSED_SECONDS = 2.0
"""How long a request takes, until one has been measured."""


@dataclass
class _Job:
    """One request on its way through the engine."""

    id: str
    prompt: list[int]
    arrived: float
    deadline: float | None
    place: "asyncio.Future[None]"
    form: Form | None


class ContinuousTextEngine:
    """A `gitex.ports.TextEngine` over a `TokenRunner` that has been started. Used from one event loop.

    A generation that reaches the model's context length ends there with reason `length`, even below `max_tokens`.
    """

    def __init__(
        self,
        *,
        info: ModelInfo,
        limits: TextLimits,
        tokenizer: PreTrainedTokenizerBase,
        vocabulary: Vocabulary,
        stop_tokens: list[int],
        runner: TokenRunner,
        admission: Admission,
        recorder: Recorder,
        clock: Clock,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall` tells Unix seconds: what a request's deadline is given in."""
        self.info = info
        self._limits = limits
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._stop_tokens = stop_tokens
        self._runner = runner
        self._admission = admission
        self._recorder = recorder
        self._clock = clock
        self._wall = wall
        self._tags = {"variant": info.variant.id}
        self._started = 0
        self._closed = False
        self._usual_seconds = _GUESSED_SECONDS

    async def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]:
        """See `gitex.ports.TextModel`."""
        form = await self._form(spec)
        job = self._admit(spec, context, form)
        finished = False
        try:
            if not job.place.done():
                yield Queued(self._admission.waiting - 1)
            async with self._before_deadline(job):
                await job.place
            began = self._clock.now()
            self._observe("queue", began - job.arrived)
            async for event in self._stream(spec, job):
                finished = isinstance(event, TextFinished)
                if finished:
                    self._settle_time(self._clock.now() - began)
                yield event
        except (GeneratorExit, asyncio.CancelledError):
            if not finished:
                self._recorder.count(metrics.CANCELLED.name, 1, self._tags)
            raise
        finally:
            self._runner.cancel(job.id)
            self._admission.leave(job.place)
            self._gauge()

    def check(self) -> None:
        """Raise `EngineFailure` if the engine can no longer do work."""
        self._runner.check()

    async def close(self) -> None:
        """End running and waiting work with `Unavailable`, stop the engine's threads."""
        self._closed = True
        self._admission.refuse_waiting(_closing())
        await asyncio.to_thread(self._runner.stop)

    async def _form(self, spec: CopySpec) -> Form | None:
        if spec.constraint is None:
            return None
        if not self._stop_tokens:
            raise InvalidInput(f"{self.info.variant.id} knows no end of text", param="response_format")
        return await asyncio.to_thread(self._vocabulary.form, spec.constraint)

    def _admit(self, spec: CopySpec, context: RunContext, form: Form | None) -> _Job:
        if self._closed:
            raise _closing()
        self.check()
        if spec.variant != self.info.variant:
            raise InvalidInput(f"this engine runs {self.info.variant.id}, not {spec.variant.id}", param="model")
        _validate(spec)
        arrived = self._clock.now()
        prompt = encode_prompt(self._tokenizer, spec.messages, self._limits.context_length)
        self._observe("encode", self._clock.now() - arrived)
        deadline = None if context.deadline is None else arrived + context.deadline - self._wall()
        rounds_before = 1 + self._admission.waiting / max(1, self._admission.active)
        place = self._admission.enter(retry_after=max(1.0, rounds_before * self._usual_seconds))
        self._started += 1
        self._gauge()
        # Our own number: callers may repeat theirs.
        return _Job(f"{self._started}-{context.request_id}", prompt, arrived, deadline, place, form)

    async def _stream(self, spec: CopySpec, job: _Job) -> AsyncGenerator[TextEvent, None]:
        news: asyncio.Queue[NewTokens | Broken] = asyncio.Queue()
        post = partial(_post, asyncio.get_running_loop(), news)
        room = self._limits.context_length - len(job.prompt)
        self._runner.submit(_token_request(spec, job, min(spec.max_tokens, room), self._stop_tokens), post)
        answer = Answer(self._tokenizer, self._vocabulary, spec.stop)
        total = 0
        while True:
            async with self._before_deadline(job):
                item = await news.get()
            if isinstance(item, Broken):
                raise _closing() if self._closed else EngineFailure(f"the text engine broke: {item.reason}")
            total += len(item.tokens)
            self._recorder.count(metrics.TOKENS.name, len(item.tokens), self._tags)
            ended = item.finished and item.tokens[-1:] and item.tokens[-1] in self._stop_tokens
            shown = answer.push(item.tokens, item.notes)
            yield TextDelta(shown.text, len(item.tokens), shown.logprobs)
            if item.finished and not answer.stopped and (rest := answer.flush()).text:
                yield TextDelta(rest.text, 0, rest.logprobs)
            if answer.stopped or item.finished:
                yield TextFinished("stop" if ended or answer.stopped else "length", len(job.prompt), total)
                return

    @asynccontextmanager
    async def _before_deadline(self, job: _Job) -> AsyncIterator[None]:
        """What is awaited inside must end before the job's deadline. Raises `DeadlineExceeded`."""
        left = None if job.deadline is None else job.deadline - self._clock.now()
        if left is not None and left <= 0:
            raise DeadlineExceeded("the deadline passed before the text was complete")
        try:
            async with asyncio.timeout(left):
                yield
        except TimeoutError as problem:
            raise DeadlineExceeded("the deadline passed before the text was complete") from problem

    def _settle_time(self, seconds: float) -> None:
        self._observe("decode", seconds)
        self._usual_seconds += 0.1 * (seconds - self._usual_seconds)

    def _observe(self, stage: str, seconds: float) -> None:
        self._recorder.observe(metrics.STAGE_SECONDS.name, seconds, {**self._tags, "stage": stage})

    def _gauge(self) -> None:
        self._recorder.gauge(metrics.ACTIVE.name, self._admission.active, self._tags)
        self._recorder.gauge(metrics.WAITING.name, self._admission.waiting, self._tags)


def _token_request(spec: CopySpec, job: _Job, max_tokens: int, stop_tokens: list[int]) -> TokenRequest:
    sampling = Sampling(
        spec.temperature,
        spec.top_p,
        spec.top_k,
        spec.seed,
        spec.repetition_penalty,
        spec.frequency_penalty,
        spec.presence_penalty,
    )
    return TokenRequest(job.id, job.prompt, max_tokens, stop_tokens, sampling, spec.top_logprobs, job.form)


def _post(loop: asyncio.AbstractEventLoop, news: asyncio.Queue[NewTokens | Broken], item: NewTokens | Broken) -> None:
    """Hand `item` from the delivering thread to the event loop."""
    # A loop that is closed already has nobody left who waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(news.put_nowait, item)


def _closing() -> Unavailable:
    return Unavailable("the text engine is shutting down")


def _validate(spec: CopySpec) -> None:
    """Raise `InvalidInput` naming the field that is out of its range."""
    checks = (
        ("max_tokens", spec.max_tokens >= 1, "at least 1"),
        ("temperature", 0 <= spec.temperature <= 100, "0 to 100"),
        ("top_p", 0 < spec.top_p <= 1, "above 0 and at most 1"),
        ("top_k", spec.top_k >= 0, "0 (all tokens) or more"),
        ("repetition_penalty", 0 < spec.repetition_penalty <= 10, "above 0 and at most 10"),
        ("frequency_penalty", -2 <= spec.frequency_penalty <= 2, "-2 to 2"),
        ("presence_penalty", -2 <= spec.presence_penalty <= 2, "-2 to 2"),
        ("top_logprobs", 0 <= (spec.top_logprobs or 0) <= 20, "0 to 20"),
        ("seed", 0 <= spec.seed <= MAX_SEED, "from 0 to 2**64 - 1"),
    )
    for name, fine, range_ in checks:
        if not fine:
            raise InvalidInput(f"{name} must be {range_}", param=name)
