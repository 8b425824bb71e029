"""How one token is chosen out of logits: penalties, temperature, `top_k`, `top_p` and a number of the request's own.

The random number of a token depends on the request's seed and the token's position only, so a request draws the same
numbers whoever shares its batch, and again after it was evicted and its cache computed anew.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

GREEDY_BELOW = 1e-4
"""Dividing by less would only overflow."""


@dataclass(frozen=True)
class Sampling:
    """How one request's tokens are chosen; the meanings are those of `CopySpec`."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0

    @property
    def penalises(self) -> bool:
        """Whether what has been said changes what is said."""
        return self.repetition_penalty != 1 or self.frequency_penalty != 0 or self.presence_penalty != 0


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that only depends on `seed` and the token's `position` in the sequence."""
    digest = hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def penalise(logits: Tensor, sampling: Sampling, prompt: list[int], written: list[int]) -> Tensor:
    """Logits (vocabulary,) with the penalties for the tokens of `prompt` and those `written` after it.

    The repetition penalty is that of CTRL (arXiv:1909.05858) as `transformers` has it, over prompt and text; the
    other two are OpenAI's, over the text only.
    """
    logits = logits.clone()
    if sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted({*prompt, *written}), device=logits.device)
        score = logits[seen]
        logits[seen] = torch.where(score < 0, score * sampling.repetition_penalty, score / sampling.repetition_penalty)
    if written and (sampling.frequency_penalty != 0 or sampling.presence_penalty != 0):
        counts = torch.bincount(torch.tensor(written), minlength=len(logits)).to(logits)
        logits -= sampling.frequency_penalty * counts + sampling.presence_penalty * (counts > 0)
    return logits


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
