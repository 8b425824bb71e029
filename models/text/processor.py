"""Per-request choices inside transformers' continuous batching.

The manager samples with one set of options and one random stream for everybody. We give it one logits processor that
makes the choice itself, per row, and hands back logits with a single finite entry; the manager's argmax then takes it.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.requests import FutureRequestState
from transformers.generation.logits_process import LogitsProcessorList

from models.text.constraints import Form
from models.text.sampling import GREEDY_BELOW, Sampling, choose, penalise, uniform

ROW = "row"
_REJECTED = torch.finfo(torch.float32).min


class Ranked(NamedTuple):
    """A token and the natural logarithm of the probability that the model gave it."""

    token: int
    logprob: float


@dataclass(frozen=True)
class Note:
    """How likely a chosen token was, and which were the likeliest."""

    chosen: Ranked
    top: tuple[Ranked, ...]


@dataclass(eq=False)
class Row:
    """One request's way through the manager: how its tokens are chosen, and what is noted down on the way."""

    prompt_length: int
    sampling: Sampling
    top_logprobs: int | None = None
    form: Form | None = None
    notes: dict[int, Note] = field(default_factory=dict)
    """By the number of the token, from 0."""

    def __deepcopy__(self, memo: object) -> "Row":
        """Itself: the manager copies a request's arguments when it evicts it, and goes on with the same request."""
        return self

    @property
    def is_plain(self) -> bool:
        """Whether the likeliest token is all that is wanted."""
        bare = self.form is None and self.top_logprobs is None and not self.sampling.penalises
        return bare and self.sampling.temperature < GREEDY_BELOW


class Progress(Protocol):
    """What the choice needs of the manager's request state."""

    initial_tokens: list[int]
    generated_tokens: list[int]


class _Turn(NamedTuple):
    """A row whose next token is due."""

    row: Row
    prompt: list[int]
    written: list[int]


class PerRequestSampling(ContinuousBatchingLogitsProcessor):
    """Chooses each row's token by its own request's `Row`.

    Needs the manager's synchronous mode: what a step works with is kept here between preparing and running it.
    """

    supported_kwargs = {ROW: Row}  # noqa: RUF012 (the base class declares it so)
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._turns: list[_Turn] = []

    def fill_defaults(self, int32_tensor: Tensor) -> None:
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[FutureRequestState]) -> Tensor:
        self._turns = [
            _turn(request.state.logit_processor_kwargs[ROW], request.state) for request in requests_with_new_token
        ]
        return torch.zeros(len(self._turns), dtype=torch.int32)

    def __call__(self, scores: Tensor, tensor_arg: Tensor) -> Tensor:
        if all(turn.row.is_plain for turn in self._turns):
            return scores
        # Beyond the turns there may be rows of prompts that are not read to their end yet: nobody takes their token.
        due = scores[: len(self._turns)]
        options = torch.tensor([_options(turn) for turn in self._turns], device=scores.device)
        logits = torch.stack([_adjusted(row, turn) for row, turn in zip(due, self._turns, strict=True)])
        tokens = choose(logits, options)
        for row, token, turn in zip(due, tokens.tolist(), self._turns, strict=True):
            if turn.row.top_logprobs is not None:
                turn.row.notes[len(turn.written)] = _note(row, token, turn.row.top_logprobs)
        chosen = torch.full_like(scores, _REJECTED)
        chosen[: len(tokens)].scatter_(-1, tokens[:, None], 0.0)
        return chosen


def per_request_sampling() -> ContinuousBatchingLogitsProcessorList:
    """The processor list for a manager each of whose requests brings a `Row`."""
    processors = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([PerRequestSampling()]))
    processors.tensors_required = 1
    return processors


def _turn(row: Row, state: Progress) -> _Turn:
    # An evicted request comes back with what it had written as a part of its prompt.
    tokens = state.initial_tokens + state.generated_tokens
    return _Turn(row, tokens[: row.prompt_length], tokens[row.prompt_length :])


def _options(turn: _Turn) -> tuple[float, float, float, float]:
    sampling, position = turn.row.sampling, len(turn.prompt) + len(turn.written)
    return sampling.temperature, sampling.top_p, float(sampling.top_k), uniform(sampling.seed, position)


def _adjusted(logits: Tensor, turn: _Turn) -> Tensor:
    """Logits (vocabulary,) with penalties, and without the tokens that would leave the form."""
    row, prompt, written = turn
    if row.sampling.penalises:
        logits = penalise(logits, row.sampling, prompt, written)
    if row.form is not None:
        row.form.follow(written)
        logits = logits.masked_fill(~row.form.allowed().to(logits.device), -torch.inf)
    return logits


def _note(logits: Tensor, token: int, count: int) -> Note:
    logprobs = logits.log_softmax(dim=-1)
    values, tokens = logprobs.topk(min(count, len(logprobs)))
    top = tuple(Ranked(*pair) for pair in zip(tokens.tolist(), values.tolist(), strict=True))
    return Note(Ranked(token, float(logprobs[token])), top)
