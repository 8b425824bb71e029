"""One started runner for the tests that only ask it for text."""

from collections.abc import Iterator

import pytest
import torch

from models.text.runner import TokenRunner
from tests.unit.models.text.tiny_text import CONTEXT, gpt2


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def runner() -> Iterator[TokenRunner]:
    runner = TokenRunner(gpt2(), max_batch=16, context_length=CONTEXT)
    runner.start()
    yield runner
    runner.stop()
