"""Training of the starter copy model: interrupted, it goes on as if nothing had happened."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from gitex.copywriting import CopyBrief, brief_messages
from models.starter.copywriting import (
    CONTEXT,
    NO_LOSS,
    Recipe,
    Round,
    batch_of,
    encode,
    new_tokenizer,
    rest_tokens,
    train_model,
    with_other_rests,
)
from models.starter.corpus import Conversation, conversations

CORPUS = conversations(60, 1)
TINY = Recipe(conversations=60, pieces=50, rounds=(Round(3, 2e-3, 0.5), Round(1, 1e-3, 1.0)), batch=4, samples_every=2)
NO_DROPOUT = {"embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}


class PowerCut(Exception):
    pass


class Interrupted(GPT2LMHeadModel):
    """Goes out at the last step, which is after the first checkpoint."""

    def _power_cut(self, *inputs: object) -> None:
        if (self.checkpoint / "samples-00002.txt").exists():
            raise PowerCut

    def watch(self, folder: Path) -> "Interrupted":
        self.checkpoint = folder
        self.transformer.register_forward_pre_hook(self._power_cut)
        return self


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    torch.set_num_threads(1)
    return new_tokenizer(TINY.pieces)


def _model(tokenizer: PreTrainedTokenizerFast, kind: type[GPT2LMHeadModel] = GPT2LMHeadModel) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    shape = {"vocab_size": len(tokenizer), "n_positions": CONTEXT, "n_embd": 16, "n_layer": 1, "n_head": 2}
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return kind(GPT2Config(**shape, **ends, **NO_DROPOUT))


def test_an_interrupted_training_ends_with_the_same_weights(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    examples = encode(tokenizer, CORPUS)
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    straight.mkdir()
    cut.mkdir()
    whole, again = _model(tokenizer), _model(tokenizer)
    train_model(whole, tokenizer, examples, TINY, work=straight)
    with pytest.raises(PowerCut):
        train_model(_model(tokenizer, Interrupted).watch(cut), tokenizer, examples, TINY, work=cut)
    assert (cut / "checkpoint.pt").exists()
    train_model(again, tokenizer, examples, TINY, work=cut)
    assert {path.name for path in cut.iterdir()} == {path.name for path in straight.iterdir()}
    for name, weights in whole.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weights, rtol=0, atol=0)


def test_a_checkpoint_of_another_recipe_is_not_gone_on_from(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    examples = encode(tokenizer, CORPUS)
    train_model(_model(tokenizer), tokenizer, examples, TINY, work=tmp_path)
    model, untrained = _model(tokenizer), _model(tokenizer)
    train_model(model, tokenizer, examples, replace(TINY, rounds=(Round(4, 0.0),)), work=tmp_path)
    for name, weights in untrained.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weights, rtol=0, atol=0)


def test_every_round_warms_up_and_decays() -> None:
    recipe = Recipe(rounds=(Round(400, 1.0), Round(200, 0.5)))
    rates = [recipe.learning_rate(step) for step in range(600)]
    assert rates[0] < 0.02
    assert max(rates[:400]) > 0.8
    assert rates[399] == pytest.approx(0.02, abs=1e-3)
    assert rates[400] < 0.01
    assert 0.2 < max(rates[400:]) <= 0.5
    assert recipe.scaled(0.5).steps == 300


def test_other_rests_are_the_same_in_prompt_and_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    rests, changed = rest_tokens(tokenizer), 0
    for i, (ids, prompt) in enumerate(encode(tokenizer, CORPUS)):
        others = with_other_rests(ids, prompt, rests, random.Random(i))
        pairs = set(zip(ids, others, strict=True))
        assert len({old for old, _ in pairs}) == len(pairs)
        asked = set(ids[:prompt])
        assert all(old == new or (old in asked and old in rests and new in rests) for old, new in pairs)
        changed += ids != others
    assert changed > 0.8 * len(CORPUS)


def test_other_rests_leave_the_order_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    [(ids, prompt)] = encode(tokenizer, [Conversation(brief_messages(CopyBrief("a corgi", (), "playful")), "A Corgi!")])
    text = tokenizer.decode(with_other_rests(ids, prompt, rest_tokens(tokenizer), random.Random(1)))
    asked = brief_messages(CopyBrief("an owl", (), "playful"))
    assert asked[0].content in text
    assert "Picture: a " in text


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.0, 0.0), (0.5, 0.2, 0.8), (1.0, 0.8, 1.0)])
def test_so_many_of_a_rounds_conversations_get_other_rests(
    tokenizer: PreTrainedTokenizerFast, share: float, least: float, most: float
) -> None:
    examples, pad, rests = encode(tokenizer, CORPUS), tokenizer.pad_token_id, rest_tokens(tokenizer)
    rounds = Round(1, 1e-3), Round(1, 1e-3, share)
    recipe, plain = Recipe(rounds=rounds, batch=60), Recipe(rounds=(Round(2, 1e-3),), batch=60)
    torch.testing.assert_close(batch_of(0, examples, recipe, pad, rests), batch_of(0, examples, plain, pad, rests))
    (ids, targets), (before, wanted) = (batch_of(1, examples, each, pad, rests) for each in (recipe, plain))
    assert least <= (ids != before).any(dim=1).float().mean() <= most
    assert torch.equal(targets == NO_LOSS, wanted == NO_LOSS)
    assert torch.equal(targets[targets != NO_LOSS], ids[targets != NO_LOSS])
