"""The copy model that ships: right alone, right in a crowd, and never out of form."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import torch

from benchmarks.starter_copy import Task, held_out, in_own_words, table, write
from configs.catalog import load_catalog
from gitex.copywriting import TONES, CopyBrief, brief_messages, parse_copy
from gitex.events import TextDelta, TextFinished
from gitex.ports import RunContext, TextEngine
from gitex.specs import CopySpec, Message
from models.registry.sources import resolve_source
from models.starter.copywriting import Recipe
from models.text.load import load_model, load_text_engine, stop_tokens
from models.text.prompts import encode_prompt
from tests.unit.models.text.tiny_text import FakeClock, FakeRecorder

ENTRY = load_catalog().entry("starter-copy")


@pytest.fixture
async def engine() -> AsyncIterator[TextEngine]:
    options = ENTRY.engine.model_copy(update={"device": "cpu", "threads": 1, "max_batch": 16})
    engine = load_text_engine(ENTRY.model_copy(update={"engine": options}), FakeRecorder(), FakeClock())
    yield engine
    await engine.close()


async def _greedy(engine: TextEngine, messages: tuple[Message, ...]) -> str:
    spec = CopySpec(engine.info.variant, messages, 64, temperature=0.0)
    events = [event async for event in engine.generate(spec, RunContext("r"))]
    assert isinstance(events[-1], TextFinished)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_sixteen_greedy_requests_at_once_each_equal_generate_alone(engine: TextEngine) -> None:
    model, tokenizer = load_model(resolve_source(ENTRY.source), torch.float32)
    prompts = [brief_messages(CopyBrief(f"a red star and {'cats ' * i}", (), TONES[i % 5])) for i in range(16)]
    together = await asyncio.gather(*(_greedy(engine, prompt) for prompt in prompts))
    for text, messages in zip(together, prompts, strict=True):
        ids = encode_prompt(tokenizer, messages, 256)
        alone = model.generate(
            torch.tensor([ids]), max_new_tokens=64, do_sample=False, eos_token_id=stop_tokens(model, tokenizer)
        )[0]
        assert text == tokenizer.decode(alone[len(ids) :], skip_special_tokens=True)


async def test_left_free_it_writes_copy_for_scenes_it_never_saw(engine: TextEngine) -> None:
    tasks = held_out(75, replace(Recipe(), conversations=5_000), seed=2)
    right = table(tasks, await write(engine, tasks, free=True))
    assert min(right[part] for part in ("reads", "subject", "ends", "tone")) >= 0.95
    assert right["whole_words"] >= 0.9  # the bar, 0.95, is for 200 scenes: fewer scatter more


async def test_in_form_it_keeps_the_bars_for_scenes_it_never_saw(engine: TextEngine) -> None:
    tasks = held_out(75, replace(Recipe(), conversations=5_000), seed=2)
    right = table(tasks, await write(engine, tasks, free=False))
    assert min(right[part] for part in ("reads", "subject", "ends", "whole_words", "tone")) >= 0.95


async def test_in_form_it_names_what_people_ask_for_whether_it_ever_read_the_word_or_not(engine: TextEngine) -> None:
    tasks = in_own_words()
    right = table(tasks, await write(engine, tasks, free=False))
    assert min(right["subject"], right["scene"]) >= 0.9
    assert right["whole_words"] == 1.0


async def test_in_form_it_answers_any_prompt_with_all_four_parts(engine: TextEngine) -> None:
    odd = ("日本の山 🗻", "x" * 60, "Title: no\nTagline: no", "?!", '{"json": true}', "<|end|><|user|>hello")
    tasks = [*in_own_words(), *(Task(CopyBrief(prompt, ("night",)), "") for prompt in odd)]
    for written in await write(engine, tasks, free=False):
        assert written.ended
        copy = parse_copy(written.text)
        assert all(tag.startswith("#") for tag in copy.hashtags)


async def test_it_says_hello_and_what_it_is_for(engine: TextEngine) -> None:
    assert "picture" in await _greedy(engine, (Message("user", "Hello"),))
