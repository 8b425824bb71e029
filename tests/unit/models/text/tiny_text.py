"""Tiny text models with random weights, and engines over them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.ports import RunContext
from gitex.specs import CopySpec, Message
from gitex.variants import ModelInfo, TextLimits, Variant
from models.starter.tokenizers import train_chat_tokenizer
from models.text.admission import Admission
from models.text.constraints import Vocabulary
from models.text.engine import ContinuousTextEngine
from models.text.runner import TokenRunner

CONTEXT = 96
NOW = 1_000.0
"""Unix seconds, for deadlines."""
VARIANT = Variant("tiny", 1, "sha256:" + "0" * 64)
TOKENIZER = train_chat_tokenizer(
    ("a red star on a blue background", "das Schöne, 日本語 und 🙂🙃", "Title: Red Star\nTagline: Hello!"), 300, CONTEXT
)
_SHAPE = {"vocab_size": len(TOKENIZER), "bos_token_id": None, "eos_token_id": TOKENIZER.eos_token_id}


def gpt2() -> PreTrainedModel:
    torch.manual_seed(0)
    config = GPT2Config(**_SHAPE, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=2, initializer_range=0.4)
    return GPT2LMHeadModel(config).eval()


def llama() -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        **_SHAPE,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.4,
        pad_token_id=TOKENIZER.pad_token_id,
    )
    return LlamaForCausalLM(config).eval()


class SteppedGpt2(GPT2LMHeadModel):
    """Computes one step for each `gate.release()`; breaks when told to."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.gate = threading.Semaphore(0)
        self.broken = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        assert self.gate.acquire(timeout=30), "no step was released"
        if self.broken:
            raise RuntimeError("the device is gone")
        return super().forward(*args, **kwargs)


def stepped() -> SteppedGpt2:
    torch.manual_seed(0)
    return SteppedGpt2(GPT2Config(**_SHAPE, n_positions=CONTEXT, n_embd=32, n_layer=1, n_head=2)).eval()


@dataclass
class FakeClock:
    """Stands still, or goes on by `tick` at each look."""

    seconds: float = 100.0
    tick: float = 0.0

    def now(self) -> float:
        self.seconds += self.tick
        return self.seconds


@dataclass
class FakeRecorder:
    counts: dict[str, float] = field(default_factory=dict)
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    gauges: dict[str, list[float]] = field(default_factory=dict)

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        self.counts[metric] = self.counts.get(metric, 0) + amount

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.values.setdefault((metric, tags["stage"]), []).append(value)

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.gauges.setdefault(metric, []).append(value)


def vocabulary(stop_tokens: list[int]) -> Vocabulary:
    return Vocabulary(TOKENIZER, len(TOKENIZER), stop_tokens)


@dataclass
class Bench:
    """An engine with everything around it that a test looks at."""

    engine: ContinuousTextEngine
    runner: TokenRunner
    admission: Admission
    recorder: FakeRecorder
    clock: FakeClock


def bench(runner: TokenRunner, *, slots: int = 16, waiting: int = 4, stop_tokens: list[int] | None = None) -> Bench:
    """An engine over a started runner."""
    limits = TextLimits(CONTEXT, 16)
    info = ModelInfo(VARIANT, "text", created=0, text=limits)
    admission, recorder, clock = Admission(slots, waiting), FakeRecorder(), FakeClock()
    engine = ContinuousTextEngine(
        info=info,
        limits=limits,
        tokenizer=TOKENIZER,
        vocabulary=vocabulary(stop_tokens or []),
        stop_tokens=stop_tokens or [],
        runner=runner,
        admission=admission,
        recorder=recorder,
        clock=clock,
        wall=lambda: NOW,
    )
    return Bench(engine, runner, admission, recorder, clock)


def spec(prompt: str = "a red star", **changes: object) -> CopySpec:
    fields: dict[str, object] = {"max_tokens": 16, "temperature": 0.0, **changes}
    return CopySpec(VARIANT, (Message("user", prompt),), **fields)  # type: ignore[arg-type]


def context(name: str = "r", deadline: float | None = None) -> RunContext:
    return RunContext(name, deadline=deadline)


@dataclass(frozen=True)
class Answer:
    text: str
    finished: TextFinished
    deltas: tuple[TextDelta, ...]


async def answer(engine: ContinuousTextEngine, wanted: CopySpec, asked: RunContext | None = None) -> Answer:
    """Run a spec to its end."""
    events: list[TextEvent] = [event async for event in engine.generate(wanted, asked or context())]
    deltas = tuple(event for event in events if isinstance(event, TextDelta))
    finished = events[-1]
    assert isinstance(finished, TextFinished)
    return Answer("".join(d.text for d in deltas), finished, deltas)
