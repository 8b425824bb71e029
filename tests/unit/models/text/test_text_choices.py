"""Penalties and log-probabilities, in the function and through the engine."""

import asyncio
import copy
from dataclasses import replace

import pytest
import torch
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

from gitex.errors import InvalidInput
from gitex.events import TokenLogprob
from models.text.processor import Row, _turn
from models.text.prompts import encode_prompt
from models.text.runner import TokenRunner
from models.text.sampling import Sampling, penalise
from tests.unit.models.text.tiny_text import CONTEXT, TOKENIZER, Answer, answer, bench, gpt2, spec, vocabulary

_GPT2 = gpt2()
_BYTES = [vocabulary([]).bytes_of(token) for token in range(len(TOKENIZER))]
_LOGITS = torch.randn(40, generator=torch.Generator().manual_seed(3)) * 2


def test_the_repetition_penalty_is_that_of_transformers() -> None:
    prompt, written = [3, 7, 7, 12], [9, 3, 30]
    theirs = RepetitionPenaltyLogitsProcessor(1.4)(torch.tensor([prompt + written]), _LOGITS[None])[0]
    torch.testing.assert_close(penalise(_LOGITS, Sampling(repetition_penalty=1.4), prompt, written), theirs)


def test_the_other_penalties_count_the_text_and_not_the_prompt() -> None:
    sampling = Sampling(frequency_penalty=0.5, presence_penalty=0.25)
    change = penalise(_LOGITS, sampling, [1, 2], [2, 5, 5, 5]) - _LOGITS
    expected = torch.zeros(40)
    expected[2], expected[5] = -0.75, -1.75
    torch.testing.assert_close(change, expected)
    assert torch.equal(penalise(_LOGITS, sampling, [1, 2], []), _LOGITS)


async def test_penalised_greedy_text_equals_transformers_generate_beside_others(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    wanted = [spec(max_tokens=24, repetition_penalty=penalty) for penalty in (1.0, 1.3, 2.0)]
    got = await asyncio.gather(*(answer(engine, w) for w in wanted))
    prompt = encode_prompt(TOKENIZER, wanted[0].messages, CONTEXT)
    for one, w in zip(got, wanted, strict=True):
        theirs = _GPT2.generate(
            torch.tensor([prompt]),
            max_new_tokens=24,
            do_sample=False,
            eos_token_id=None,
            repetition_penalty=w.repetition_penalty,
        )[0]
        assert one.text == TOKENIZER.decode(theirs[len(prompt) :], skip_special_tokens=True)
    assert len({one.text for one in got}) > 1


async def test_a_strong_presence_penalty_says_nothing_twice(runner: TokenRunner) -> None:
    plain = spec(max_tokens=40, top_logprobs=0)
    got = await answer(bench(runner).engine, replace(plain, presence_penalty=2.0, frequency_penalty=2.0))
    again = await answer(bench(runner).engine, plain)
    assert len({entry.content for entry in _entries(got)}) > len({entry.content for entry in _entries(again)})


async def test_logprobs_are_the_models_own_whatever_is_chosen_from_them(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    wanted = [
        spec(max_tokens=12, top_logprobs=3),
        spec(max_tokens=12, temperature=1.5, seed=4, repetition_penalty=1.2, top_logprobs=3),
    ]
    for got, w in zip(await asyncio.gather(*(answer(engine, w) for w in wanted)), wanted, strict=True):
        entries = _entries(got)
        assert len(entries) == 12
        prompt = encode_prompt(TOKENIZER, w.messages, CONTEXT)
        tokens = [_token(entry) for entry in entries]
        with torch.no_grad():
            logits = _GPT2(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
        theirs = logits.log_softmax(-1)
        for i, (entry, token) in enumerate(zip(entries, tokens, strict=True)):
            assert entry.logprob == pytest.approx(float(theirs[i, token]), abs=1e-4)
            values, likeliest = theirs[i].topk(3)
            assert [_token(other) for other in entry.top] == likeliest.tolist()
            assert [other.logprob for other in entry.top] == pytest.approx(values.tolist(), abs=1e-4)


async def test_prompts_that_are_read_in_several_steps_change_nothing(runner: TokenRunner) -> None:
    """Sixteen long prompts are more than one step reads: some are half-way while others have a token due."""
    engine = bench(runner).engine
    wanted = [
        spec("star " * (24 + i), max_tokens=5, temperature=1.0, seed=i, top_logprobs=1, repetition_penalty=1.1)
        for i in range(16)
    ]
    together = await asyncio.gather(*(answer(engine, w) for w in wanted))
    assert sum(got.finished.prompt_tokens for got in together) > 2 * 512
    for got, w in zip(together, wanted, strict=True):
        assert got.text == (await answer(engine, w)).text
        assert len(_entries(got)) == 5


async def test_no_logprobs_unless_they_are_asked_for(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    got = await asyncio.gather(answer(engine, spec(temperature=1.0)), answer(engine, spec(top_logprobs=0)))
    assert _entries(got[0]) == ()
    assert len(_entries(got[1])) == got[1].finished.completion_tokens
    assert all(entry.top == () and entry.logprob <= 0 for entry in _entries(got[1]))


async def test_logprobs_join_to_the_text_and_end_before_a_stop_string(runner: TokenRunner) -> None:
    engine = bench(runner).engine
    whole = await answer(engine, spec(top_logprobs=0))
    read = b"".join(entry.content for entry in _entries(whole)).decode(errors="replace")
    assert read.startswith(whole.text.rstrip("\ufffd"))
    stop = whole.text[7:10]
    cut = await answer(engine, spec(top_logprobs=0, stop=(stop,)))
    assert cut.text == whole.text[: whole.text.index(stop)]
    begun = b"".join(entry.content for entry in _entries(cut)[:-1]).decode(errors="replace")
    assert len(begun) < len(cut.text) or not cut.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("repetition_penalty", 0.0), ("frequency_penalty", 2.1), ("presence_penalty", -2.1), ("top_logprobs", 21)],
)
async def test_choices_out_of_range_are_refused_by_name(runner: TokenRunner, field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        await answer(bench(runner).engine, spec(**{field: value}))
    assert caught.value.param == field


def test_an_evicted_request_goes_on_as_the_same_row() -> None:
    """The manager copies its arguments and makes what was written a part of the prompt."""

    class State:
        initial_tokens = [1, 2, 3, 8, 9]  # noqa: RUF012 (the manager's own shape)
        generated_tokens = [7]  # noqa: RUF012

    row = Row(3, Sampling(0))
    assert copy.deepcopy({"row": row})["row"] is row
    turn = _turn(row, State())
    assert (turn.prompt, turn.written) == ([1, 2, 3], [8, 9, 7])


def _entries(got: Answer) -> tuple[TokenLogprob, ...]:
    return tuple(entry for delta in got.deltas for entry in delta.logprobs)


def _token(entry: TokenLogprob) -> int:
    """The token whose bytes these are."""
    return _BYTES.index(entry.content)
