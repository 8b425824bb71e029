"""The copy task: messages out, copy back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitex.copywriting import TONES, CopyBrief, CopyText, brief_messages, parse_copy
from gitex.errors import EngineFailure, InvalidInput

COPY = CopyText("Red Star", "Own the room.", "A red star. Made for night.", ("#star", "#red"))


def test_a_brief_becomes_two_messages() -> None:
    system, user = brief_messages(CopyBrief("a red  star\non blue", (" night ", "team"), "bold"))
    assert (system.role, user.role) == ("system", "user")
    assert system.content == (
        "Write copy for a picture in four lines: Title, Tagline, Description, Hashtags. Tone: bold."
    )
    assert user.content == "Picture: a red star on blue\nKeywords: night, team"


def test_without_keywords_no_line_is_spent_on_them() -> None:
    assert brief_messages(CopyBrief("a red star"))[1].content == "Picture: a red star"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": " \n"}, "prompt"),
        ({"keywords": ("a,b",)}, "keywords"),
        ({"keywords": ("",)}, "keywords"),
        ({"keywords": ("a\nb",)}, "keywords"),
        ({"tone": "shouting"}, "tone"),
    ],
)
def test_a_brief_that_cannot_be_written_is_refused(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CopyBrief(**({"prompt": "a red star"} | fields))  # type: ignore[arg-type]
    assert caught.value.param == param
    assert "neutral" in TONES


def test_the_four_lines_come_back() -> None:
    assert parse_copy(str(COPY)) == COPY


def test_what_the_limit_of_a_part_cut_off_is_left_out() -> None:
    text = "Title: Red Star \nTagline: Own\ufffd\nDescription: A: star\nHashtags: #star #star #red\ufffd #"
    assert parse_copy(text) == CopyText("Red Star", "Own", "A: star", ("#star", "#red"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Title: X\nTagline: Y\nDescription: Z",
        "Tagline: Y\nTitle: X\nDescription: Z\nHashtags: #a",
        "Title: X\nTagline: Y\nDescription: Z\nHashtags: #a\nTitle: X",
        "Title: X\nTagline: \nDescription: Z\nHashtags: #a",
        "Title: X\nTagline: Y\nDescription: Z\nHashtags: # #",
    ],
)
def test_nothing_is_invented(text: str) -> None:
    with pytest.raises(EngineFailure):
        parse_copy(text)


_WORDS = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" ", codec="utf-8"), min_size=1)


@settings(deadline=None)
@given(_WORDS, st.lists(st.text(st.characters(categories=("L", "N"), codec="utf-8"), min_size=1), min_size=1))
def test_whatever_the_form_lets_through_parses(words: str, tags: list[str]) -> None:
    line = f"A{words}"
    hashtags = tuple(dict.fromkeys(f"#{tag}" for tag in tags))
    copy = parse_copy(f"Title: {line}\nTagline: {line}\nDescription: {line}\nHashtags: {' '.join(hashtags)}")
    assert copy.hashtags == hashtags
    assert line.startswith(copy.title)
