"""The text engine over tiny models: right text, right limits, right endings."""

import asyncio

import pytest
import torch
from transformers import PreTrainedModel

from gitex import metrics
from gitex.errors import InvalidInput, PromptTooLong
from gitex.events import TextFinished
from gitex.specs import CopySpec, Message
from models.text.prompts import encode_prompt
from models.text.runner import TokenRunner
from tests.unit.models.text.tiny_text import CONTEXT, TOKENIZER, VARIANT, answer, bench, context, gpt2, llama, spec

_GPT2 = gpt2()


def _reference(model: PreTrainedModel, wanted: CopySpec) -> str:
    """What transformers' own `generate` writes, greedily, with the request alone."""
    prompt = encode_prompt(TOKENIZER, wanted.messages, CONTEXT)
    out = model.generate(torch.tensor([prompt]), max_new_tokens=wanted.max_tokens, do_sample=False, eos_token_id=None)
    return TOKENIZER.decode(out[0][len(prompt) :], skip_special_tokens=True)


async def test_greedy_text_equals_transformers_generate(runner: TokenRunner) -> None:
    got = await answer(bench(runner).engine, spec(max_tokens=24))
    assert got.text == _reference(_GPT2, spec(max_tokens=24))
    assert got.finished == TextFinished("length", got.finished.prompt_tokens, 24)
    assert sum(delta.tokens for delta in got.deltas) == 24
    assert len(got.deltas) > 1


async def test_llama_shapes_run_too() -> None:
    runner = TokenRunner(llama(), max_batch=2, context_length=CONTEXT)
    runner.start()
    made = bench(runner)
    got = await answer(made.engine, spec())
    await made.engine.close()
    assert got.text == _reference(llama(), spec())


async def test_sixteen_concurrent_greedy_requests_equal_their_solo_results(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    specs = [spec(f"{word} star number {i}", max_tokens=4 + i % 5) for i, word in enumerate(["red", "a blue"] * 8)]
    together = await asyncio.gather(*(answer(engine, wanted) for wanted in specs))
    assert [a.text for a in together] == [_reference(_GPT2, wanted) for wanted in specs]


async def test_a_seed_decides_the_text_whoever_shares_the_batch(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    wanted = [spec(temperature=1.0, seed=seed, top_p=0.95) for seed in (1, 2, 3, 1)]
    mixed = await asyncio.gather(*(answer(engine, w) for w in [*wanted, spec(), spec(temperature=0.5, top_k=4)]))
    alone = await answer(engine, wanted[0])
    assert mixed[0].text == mixed[3].text == alone.text
    assert len({a.text for a in mixed}) == 5


async def test_text_ends_before_a_stop_string(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    whole = (await answer(engine, spec())).text
    stop = whole[7:10]
    got = await answer(engine, spec(stop=(stop,)))
    assert got.text == whole[: whole.index(stop)]
    assert got.finished.reason == "stop"
    assert got.finished.completion_tokens < 16


async def test_a_stop_token_ends_the_text(runner: TokenRunner) -> None:
    prompt = encode_prompt(TOKENIZER, spec().messages, CONTEXT)
    third = int(_GPT2.generate(torch.tensor([prompt]), max_new_tokens=3, do_sample=False, eos_token_id=None)[0][-1])
    got = await answer(bench(runner, stop_tokens=[third]).engine, spec())
    assert got.finished.reason == "stop"
    assert got.finished.completion_tokens <= 3


async def test_as_many_requests_as_there_are_slots_may_fill_their_contexts_at_once(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    for got in await asyncio.gather(*(answer(engine, spec("star " * (30 + i), max_tokens=10_000)) for i in range(16))):
        assert got.finished.reason == "length"
        assert got.finished.prompt_tokens + got.finished.completion_tokens == CONTEXT


async def test_a_prompt_that_fills_the_context_is_refused_with_the_numbers(runner: TokenRunner) -> None:
    with pytest.raises(PromptTooLong, match=r"\d+ tokens; the model takes 96") as caught:
        await answer(bench(runner).engine, spec("star " * 200))
    assert caught.value.param == "messages"
    with pytest.raises(PromptTooLong, match="100000 characters"):
        await answer(bench(runner).engine, spec("x" * 100_000))


@pytest.mark.parametrize(
    ("field", "value"), [("max_tokens", 0), ("temperature", -1.0), ("top_p", 0.0), ("top_p", 1.1), ("top_k", -1)]
)
async def test_settings_out_of_range_are_refused_by_name(runner: TokenRunner, field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        await answer(bench(runner).engine, spec(**{field: value}))
    assert caught.value.param == field


async def test_no_messages_are_refused(runner: TokenRunner) -> None:
    with pytest.raises(InvalidInput, match="no messages"):
        await answer(bench(runner).engine, CopySpec(VARIANT, (), 4))


async def test_measurements(runner: TokenRunner) -> None:
    made = bench(runner)
    await answer(made.engine, spec(max_tokens=5))
    assert made.recorder.counts == {metrics.TOKENS.name: 5}
    assert {stage for _, stage in made.recorder.values} == {"queue", "encode", "decode"}
    assert made.recorder.gauges[metrics.ACTIVE.name] == [1, 0]


async def test_one_id_may_be_used_twice_at_once(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    one, other = await asyncio.gather(
        answer(engine, spec("a red star"), context("same")), answer(engine, spec("blue"), context("same"))
    )
    assert (one.text, other.text) == (_reference(_GPT2, spec("a red star")), _reference(_GPT2, spec("blue")))


def test_a_template_that_refuses_the_messages_is_the_callers_error() -> None:
    strict = type(TOKENIZER)(
        tokenizer_object=TOKENIZER.backend_tokenizer, chat_template="{{ raise_exception('no system role') }}"
    )
    with pytest.raises(InvalidInput, match="no system role"):
        encode_prompt(strict, (Message("system", "x"),), CONTEXT)
