"""The copy model's tokenizer: a word's letters have the same tokens wherever it stands."""

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from gitex.copywriting import CopyBrief, copy_form
from models.starter.copywriting import new_tokenizer
from models.starter.corpus import spoken_words
from models.text.constraints import Vocabulary


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return new_tokenizer(500)


@pytest.mark.parametrize("word", ["raccoon", "corgi", "axolotl", "zug"])
def test_a_word_a_capital_and_a_hashtag_differ_in_their_first_token_only(
    tokenizer: PreTrainedTokenizerFast, word: str
) -> None:
    plain, title, tag = (tokenizer(text).input_ids for text in (f" {word}", f" {word.capitalize()}", f" #{word}"))
    assert plain[1:] == title[1:] == tag[1:]
    assert len({plain[0], title[0], tag[0]}) == 3


def test_words_of_the_lexicon_are_two_tokens_and_those_of_the_phrases_one(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer(" raccoon raccoons windmill").input_ids) == 6
    assert len(tokenizer(" Behold the a surrounded").input_ids) == 5
    assert len(tokenizer("Title: of").input_ids) == 3


def test_any_text_comes_back_also_after_saving(tokenizer: PreTrainedTokenizerFast, tmp_path: object) -> None:
    odd = "Ünïcödé 🙂\n\ttabs  and   spaces 日本 #tag,x 'a' it's # #\r\n1950s tuk-tuk the\n"
    tokenizer.save_pretrained(str(tmp_path))
    loaded = AutoTokenizer.from_pretrained(str(tmp_path))
    assert tokenizer.decode(tokenizer(odd).input_ids) == odd
    assert loaded(odd).input_ids == tokenizer(odd).input_ids


def test_the_form_lets_a_new_word_be_spelled_as_the_model_learnt_to(tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = Vocabulary(tokenizer, len(tokenizer), [tokenizer.eos_token_id])
    form = vocabulary.form(copy_form(CopyBrief("a corgi riding an axolotl"), spoken_words()))
    written = tokenizer("Title: Corgi Rising\nTagline: Own the axolotl. Own the room.").input_ids
    for i, token in enumerate(written):
        form.follow(written[:i])
        assert form.allowed()[token], tokenizer.decode(written[: i + 1])
