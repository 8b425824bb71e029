"""Per-request sampling inside transformers' continuous batching.

The manager samples with one set of options and one random stream for everybody. We give it one logits processor that
makes the choice itself, per row, and hands back logits with a single finite entry; the manager's argmax then takes it.
The random number of a token depends on the request's seed and the token's position only, so a request draws the same
numbers whoever shares its batch, and again after the manager evicted it and computed its cache anew.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.requests import FutureRequestState
from transformers.generation.logits_process import LogitsProcessorList

GREEDY_BELOW = 1e-4
"""Dividing by less would only overflow."""
_REJECTED = torch.finfo(torch.float32).min
_KEY = "sampling"


@dataclass(frozen=True)
class Sampling:
    """How one request's tokens are chosen; the meanings are those of `CopySpec`."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0


class Progress(Protocol):
    """What the draw needs of the manager's request state."""

    initial_tokens: list[int]
    generated_tokens: list[int]


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only depends on `seed` and the token's `position` in the sequence."""
    digest = hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def choose(logits: Tensor, options: Tensor) -> Tensor:
    """Token numbers (n,) for logits (n, vocabulary).

    `options` (n, 4) holds temperature, top_p, top_k and a number in [0, 1) a row. Order as in `transformers`:
    temperature, then the `top_k` likeliest (0 for all), then the likeliest that together reach `top_p` (at least one);
    the token is where the number falls in the cumulated probabilities, likeliest first. A temperature
    below `GREEDY_BELOW` takes the likeliest.
    """
    temperature, top_p, top_k, draw = options[:, :, None].unbind(1)
    greedy = temperature < GREEDY_BELOW
    ordered, tokens = (logits / temperature.masked_fill(greedy, 1.0)).sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(logits.shape[-1], device=logits.device)
    ordered = ordered.masked_fill((top_k > 0) & (rank >= top_k), -torch.inf)
    probabilities = ordered.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities.masked_fill((before >= top_p) & (rank > 0), 0.0)
    reached = kept.cumsum(dim=-1)
    chosen = (reached <= draw * reached[:, -1:]).sum(dim=-1, keepdim=True)
    last = (kept > 0).sum(dim=-1, keepdim=True) - 1
    chosen = torch.minimum(chosen, last).masked_fill(greedy, 0)
    return tokens.gather(-1, chosen)[:, 0]


class SeededSampling(ContinuousBatchingLogitsProcessor):
    """Chooses each row's token by its own request's `Sampling`.

    Needs the manager's synchronous mode: the options of a step are kept here between preparing and running it.
    """

    supported_kwargs = {_KEY: Sampling}  # noqa: RUF012 (the base class declares it so)
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, rows: int, device: torch.device) -> None:
        self._options = torch.zeros(rows, 4, device=device)
        self._all_greedy = True

    def fill_defaults(self, int32_tensor: Tensor) -> None:
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[FutureRequestState]) -> Tensor:
        states = [request.state for request in requests_with_new_token]
        options = [_options(state.logit_processor_kwargs.get(_KEY, Sampling(0)), state) for state in states]
        self._all_greedy = all(row[0] < GREEDY_BELOW for row in options)
        if options:
            self._options[: len(options)] = torch.tensor(options)
        return torch.zeros(len(options), dtype=torch.int32)

    def __call__(self, scores: Tensor, tensor_arg: Tensor) -> Tensor:
        if self._all_greedy:
            return scores
        tokens = choose(scores, self._options[: len(scores)])
        return torch.full_like(scores, _REJECTED).scatter_(-1, tokens[:, None], 0.0)


def per_request_sampling(rows: int, device: torch.device) -> ContinuousBatchingLogitsProcessorList:
    """The processor list for a manager that runs at most `rows` requests in a batch."""
    processors = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([SeededSampling(rows, device)]))
    processors.tensors_required = 1
    return processors


def _options(sampling: Sampling, state: Progress) -> tuple[float, float, float, float]:
    position = len(state.initial_tokens) + len(state.generated_tokens)
    return sampling.temperature, sampling.top_p, float(sampling.top_k), uniform(sampling.seed, position)
