"""The choice of a token: against transformers' own warpers, and the same whoever shares the batch."""

import pytest
import torch
from torch import Tensor
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from models.text.sampling import choose, uniform

_LOGITS = torch.randn(1, 40, generator=torch.Generator().manual_seed(3)) * 2


def _drawn(temperature: float, top_p: float, top_k: int, draws: int = 4_000) -> Tensor:
    """How often each token is chosen over evenly spread random numbers."""
    spread = (torch.arange(draws) + 0.5) / draws
    options = torch.tensor([[temperature, top_p, float(top_k), 0.0]]).repeat(draws, 1)
    options[:, 3] = spread
    return torch.bincount(choose(_LOGITS.expand(draws, -1), options), minlength=40) / draws


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k"), [(1.0, 1.0, 0), (0.7, 1.0, 0), (1.3, 0.8, 0), (1.0, 1.0, 5), (0.9, 0.6, 7)]
)
def test_tokens_follow_the_distribution_of_transformers(temperature: float, top_p: float, top_k: int) -> None:
    scores = TemperatureLogitsWarper(temperature)(None, _LOGITS)
    scores = TopKLogitsWarper(top_k)(None, scores) if top_k else scores
    scores = TopPLogitsWarper(top_p)(None, scores) if top_p < 1 else scores
    torch.testing.assert_close(_drawn(temperature, top_p, top_k), scores.softmax(-1)[0], atol=1e-3, rtol=0)


def test_temperature_zero_and_top_k_one_and_a_tiny_top_p_take_the_likeliest() -> None:
    options = torch.tensor(
        [[0.0, 0.9, 3.0, 0.99], [1e-40, 1.0, 0.0, 0.99], [2.0, 1.0, 1.0, 0.99], [2.0, 1e-6, 0.0, 0.99]]
    )
    assert set(choose(_LOGITS.expand(4, -1), options).tolist()) == {int(_LOGITS.argmax())}


def test_the_largest_number_below_one_still_chooses_an_allowed_token() -> None:
    token = int(choose(_LOGITS, torch.tensor([[1.0, 0.5, 0.0, 1.0]])))
    allowed = TopPLogitsWarper(0.5)(None, _LOGITS)[0].isfinite()
    assert bool(allowed[token])


def test_a_row_does_not_depend_on_the_others() -> None:
    logits = torch.randn(8, 40, generator=torch.Generator().manual_seed(5))
    options = torch.tensor(
        [[t, p, k, u] for t, p, k, u in zip([0, 1, 2, 0.5] * 2, [1, 0.9] * 4, [0, 3] * 4, torch.rand(8), strict=True)]
    )
    together = choose(logits, options)
    alone = torch.cat([choose(logits[i : i + 1], options[i : i + 1]) for i in range(8)])
    assert together.tolist() == alone.tolist()


def test_numbers_are_even_and_depend_on_seed_and_position() -> None:
    numbers = [uniform(seed, position) for seed in (0, 1, 2**64 - 1) for position in range(500)]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) >= 0
    assert max(numbers) < 1
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03
    assert uniform(7, 9) == uniform(7, 9)
