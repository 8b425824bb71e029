"""Texts that must have a form: whatever the model would like to say, it says it in that form."""

import asyncio
import json
import re

import pytest
import torch

from gitex.copywriting import COPY_FORM, COPY_TOKENS, CopyBrief, CopyText, copy_form, parse_copy
from gitex.errors import InvalidInput, SettingsError
from gitex.specs import Constraint
from models.text.constraints import Vocabulary
from models.text.runner import TokenRunner
from tests.unit.models.text.tiny_text import TOKENIZER, Bench, answer, bench, spec, vocabulary

END = TOKENIZER.eos_token_id
SCHEMA = {
    "type": "object",
    "properties": {"tone": {"enum": ["bold", "quiet"]}, "stars": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["tone", "stars"],
    "additionalProperties": False,
}
FORM = Constraint("json_schema", json.dumps(SCHEMA))


@pytest.fixture
def made(runner: TokenRunner) -> Bench:
    return bench(runner, stop_tokens=[END])


async def test_a_random_model_writes_json_of_the_schema_at_any_temperature(made: Bench) -> None:
    wanted = [spec(max_tokens=60, temperature=t, seed=s, constraint=FORM) for t in (0.0, 1.0, 2.0) for s in range(4)]
    for got in await asyncio.gather(*(answer(made.engine, w) for w in wanted)):
        assert got.finished.reason == "stop"
        value = json.loads(got.text)
        assert value["tone"] in ("bold", "quiet")
        assert 0 <= value["stars"] <= 9


async def test_a_constraint_is_the_business_of_its_own_request(made: Bench) -> None:
    free = spec(max_tokens=20, temperature=0.9, seed=3)
    alone = (await answer(made.engine, free)).text
    formed, beside = await asyncio.gather(
        answer(made.engine, spec(max_tokens=60, constraint=FORM)), answer(made.engine, free)
    )
    assert json.loads(formed.text)
    assert beside.text == alone


def _at_random(constraint: Constraint, seed: int) -> CopyText:
    """Every choice is made against the form: tokens at random, never an end where there is another way."""
    words, chance = vocabulary([END]), torch.Generator().manual_seed(seed)
    form, written = words.form(constraint), list[int]()
    while True:
        form.follow(written)
        ways = form.allowed().nonzero()[:, 0]
        ways = ways[ways != END] if len(ways) > 1 else ways
        token = int(ways[torch.randint(len(ways), (1,), generator=chance)])
        if token == END:
            break
        written.append(token)
    assert 40 < len(written) < COPY_TOKENS
    return parse_copy(b"".join(words.bytes_of(token) for token in written).decode(errors="replace"))


def test_copy_ends_in_form_even_when_the_model_never_ends_a_line() -> None:
    for seed in range(20):
        assert all(tag.startswith("#") and len(tag) > 1 for tag in _at_random(COPY_FORM, seed).hashtags)


def test_copy_of_a_model_that_knows_its_words_has_those_and_the_briefs() -> None:
    brief = CopyBrief("a corgi by C++ & Müller's café", ("night sky",))
    known = {"star", "don't", "a", "corgi", "by", "c", "müller's", "café", "night", "sky", "nightsky"}
    for seed in range(8):
        copy = _at_random(copy_form(brief, ("star", "don't")), seed)
        # The limit of a part may cut its last word off.
        words = [re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", part)[:-1] for part in (copy.title, copy.description)]
        assert {word.lower() for part in words for word in part} <= known
        assert {tag[1:].lower() for tag in copy.hashtags[:-1]} <= known


@pytest.mark.parametrize("text", ['{"type": "nonsense"}', '{"not": {}}', '{"$ref": "http://example.org/x"}', "[]"])
async def test_a_schema_that_cannot_be_kept_is_refused(made: Bench, text: str) -> None:
    with pytest.raises(InvalidInput, match="the form cannot be") as caught:
        await answer(made.engine, spec(constraint=Constraint("json_schema", text)))
    assert caught.value.param == "response_format"
    assert made.admission.active == 0


async def test_a_model_without_an_end_of_text_takes_no_form(runner: TokenRunner) -> None:
    with pytest.raises(InvalidInput, match="no end of text"):
        await answer(bench(runner).engine, spec(constraint=FORM))


def test_a_text_that_left_its_form_may_only_end() -> None:
    form = vocabulary([END]).form(Constraint("lark", 'start: "red star"'))
    form.follow(TOKENIZER("blue").input_ids)
    assert form.allowed().nonzero()[:, 0].tolist() == [END]


def test_logits_beyond_the_tokenizers_words_are_never_allowed() -> None:
    padded = Vocabulary(TOKENIZER, len(TOKENIZER) + 30, [END])
    allowed = padded.form(Constraint("lark", "start: /(.|\\n)*/")).allowed()
    assert allowed.shape == (len(TOKENIZER) + 30,)
    assert not allowed[len(TOKENIZER) :].any()
    assert allowed.sum() > 200


def test_a_tokenizer_that_is_not_a_fast_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="fast"):
        Vocabulary(object(), 10, [])  # type: ignore[arg-type]
