"""Streaming text: pieces join to the whole, and stop strings never show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.text.detokenise import Detokeniser, StopStrings
from tests.unit.models.text.tiny_text import TOKENIZER

_tokens = st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=30)


@settings(deadline=None, max_examples=60)
@given(_tokens, st.integers(1, 4))
def test_pieces_join_to_the_text_of_all_tokens(tokens: list[int], step: int) -> None:
    pieces = Detokeniser(TOKENIZER)
    text = "".join(pieces.push(tokens[i : i + step]) for i in range(0, len(tokens), step)) + pieces.flush()
    assert text == TOKENIZER.decode(tokens, skip_special_tokens=True)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=20))
def test_no_piece_of_a_valid_text_has_a_broken_character(text: str) -> None:
    if "\ufffd" in text:
        return
    pieces = Detokeniser(TOKENIZER)
    given_out = [pieces.push([token]) for token in TOKENIZER(text).input_ids]
    assert "".join(given_out) == text
    assert not any("\ufffd" in piece for piece in given_out)


class _FirstSpaceDropper:
    """Decodes as sentencepiece tokenizers do: a word's space belongs to it, the first one is dropped."""

    words = ("▁a", "▁red", "▁star", "fish", "!")

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str:
        return "".join(self.words[i] for i in token_ids).replace("▁", " ").removeprefix(" ")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=12))
def test_spaces_between_words_survive(tokens: list[int]) -> None:
    decoder = _FirstSpaceDropper()
    pieces = Detokeniser(decoder)
    assert "".join(pieces.push([token]) for token in tokens) == decoder.decode(tokens, skip_special_tokens=True)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("abc", max_size=4), max_size=8), st.lists(st.text("abc", max_size=3), max_size=3))
def test_text_ends_before_the_first_stop_string(chunks: list[str], stops: list[str]) -> None:
    gate = StopStrings(tuple(stops))
    shown = ""
    for chunk in chunks:
        shown += gate.push(chunk)
        assert not any(stop in shown for stop in stops if stop)
    shown += gate.flush()
    whole = "".join(chunks)
    assert whole.startswith(shown)
    assert gate.stopped == any(stop in whole for stop in stops if stop)
    if not gate.stopped:
        assert shown == whole


@pytest.mark.parametrize(
    ("chunks", "expected"), [(["a b E", "ND c"], "a b "), (["EN", "D"], ""), (["x ENE", "ND y"], "x EN")]
)
def test_no_part_of_a_stop_string_is_shown(chunks: list[str], expected: str) -> None:
    gate = StopStrings(("END",))
    assert "".join(gate.push(chunk) for chunk in chunks) == expected
    assert gate.stopped
    assert gate.flush() == ""
