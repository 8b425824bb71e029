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


@pytest.mark.parametrize(
    "text",
    [
        'Sure!\n\n**Title:** "Red Star"\n**Tagline:** Own the room.\n**Description:** A red star.\nMade for night.\n'
        "**Hashtags:** #star, #red",
        "tagline : Own the room.\nTITLE: Red Star\n\n- Hashtags: star red\n- Description: A red star. Made for night.",
        "Title: Red Star\nTagline: Own the room.\nDescription: A red star. Made for night.\nHashtags: #star #red.",
        "Title: Red Star\nTagline: Own the room.\nDescription: A red star. Made for night.\nHashtags: #star#red\n"
        "Title: Another",
    ],
)
def test_loose_answers_are_read(text: str) -> None:
    assert parse_copy(text) == COPY


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", "title, tagline, description, hashtags"),
        ("Title: X\nTagline:\nDescription: Y\nHashtags: #a", "tagline"),
        ("Title: X\nTagline: Y\nDescription: Z", "hashtags"),
        ("Title: X\nTagline: Y\nDescription: Z\nHashtags: # ,", "hashtags"),
    ],
)
def test_nothing_is_invented(text: str, missing: str) -> None:
    with pytest.raises(EngineFailure, match=f"has no {missing}$"):
        parse_copy(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_parses_or_fails_cleanly(text: str) -> None:
    try:
        copy = parse_copy(f"Title: {text}\nTagline: b\nDescription: c\nHashtags: {text}")
    except EngineFailure:
        return
    assert copy.title
    assert all(tag.startswith("#") and len(tag) > 1 for tag in copy.hashtags)
