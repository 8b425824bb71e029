"""Prompt templates: what is refused, what is rendered, and what is counted up."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import InvalidInput
from gitex.slots import ChoiceSlot, IntegerSlot, Slot, TextSlot, Value
from gitex.templates import PromptTemplate, Rendering, slots_from_json, slots_to_json

COLOUR = ChoiceSlot("colour", ("red", "sea green"))
COUNT = IntegerSlot("count", -1, 2)
WORDS = TextSlot("words", 12)
EMBLEM = PromptTemplate("{count} {colour} stars, {words}, all {colour}", (COLOUR, COUNT, WORDS))


def test_values_stand_where_their_slots_are_named() -> None:
    values = {"colour": "sea green", "count": 2, "words": "by night"}
    assert EMBLEM.render(values) == "2 sea green stars, by night, all sea green"


def test_a_text_without_slots_is_a_template() -> None:
    assert PromptTemplate("a star").render({}) == "a star"
    assert list(PromptTemplate("a star").combinations(9)) == [{}]


BAD_TEMPLATES: list[tuple[str, tuple[Slot, ...], str, str]] = [
    ("a {colour}", (), "text", "no slot colour"),
    ("a star", (COLOUR,), "slots", "colour is not in the text"),
    ("a {colour}", (COLOUR, TextSlot("colour", 5)), "slots", "colour is described twice"),
    ("a {colour", (COLOUR,), "text", "not balanced"),
    ("a colour}", (COLOUR,), "text", "not balanced"),
    ("a {{colour}}", (COLOUR,), "text", "not balanced"),
    ("a {colour} {", (COLOUR,), "text", "not balanced"),
    ("a {}", (), "text", "not a slot's name"),
    ("a { colour}", (COLOUR,), "text", "not a slot's name"),
    ("a {colour!r}", (COLOUR,), "text", "not a slot's name"),
    ("a {colour.x}", (COLOUR,), "text", "not a slot's name"),
    ("a {colour\n}", (COLOUR,), "text", "line break"),
    ("   ", (), "text", "is empty"),
    ("x" * 4001, (), "text", "4001 characters"),
    ("a \0", (), "text", "control character"),
    ("a \ud800", (), "text", "control character"),
    (" ".join(f"{{s{i}}}" for i in range(17)), tuple(TextSlot(f"s{i}", 1) for i in range(17)), "slots", "at most 16"),
]


@pytest.mark.parametrize(("text", "slots", "param", "said"), BAD_TEMPLATES, ids=lambda value: str(value)[:30])
def test_a_bad_template_is_refused_by_its_fault(text: str, slots: tuple[Slot, ...], param: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        PromptTemplate(text, slots)
    assert caught.value.param == param


BAD_SLOTS: list[tuple[Callable[[], Slot], str]] = [
    (lambda: ChoiceSlot("colour", ()), "1 to 200 options"),
    (lambda: ChoiceSlot("colour", tuple(map(str, range(201)))), "1 to 200 options"),
    (lambda: ChoiceSlot("colour", ("red", "blue", "red")), "'red' twice"),
    (lambda: ChoiceSlot("colour", ("red", " ")), "is empty"),
    (lambda: ChoiceSlot("colour", ("{shape}",)), "has a brace"),
    (lambda: ChoiceSlot("colour", ("red\nblue",)), "line break"),
    (lambda: ChoiceSlot("Colour", ("red",)), "not a slot's name"),
    (lambda: ChoiceSlot("colour\n", ("red",)), "not a slot's name"),
    (lambda: IntegerSlot("count", 2, 1), "must not be over"),
    (lambda: IntegerSlot("count", 0, 10**10), "within"),
    (lambda: IntegerSlot("count", False, True), "whole numbers"),
    (lambda: TextSlot("words", 0), "1 to 1000"),
    (lambda: TextSlot("words", 1001), "1 to 1000"),
]


@pytest.mark.parametrize(("make", "said"), BAD_SLOTS, ids=[said for _, said in BAD_SLOTS])
def test_a_bad_slot_is_refused_by_its_fault(make: Callable[[], Slot], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        make()
    assert caught.value.param == "slots"


BAD_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"colour": "pink"}, "values.colour"),
    ({"colour": 1}, "values.colour"),
    ({"count": 3}, "values.count"),
    ({"count": "2"}, "values.count"),
    ({"count": True}, "values.count"),
    ({"count": 1.0}, "values.count"),
    ({"words": "x" * 13}, "values.words"),
    ({"words": "\t"}, "values.words"),
    ({"words": "a\u2028b"}, "values.words"),
    ({"words": "{colour}"}, "values.words"),
    ({"words": "a } b"}, "values.words"),
    ({"words": 5}, "values.words"),
    ({"shape": "star"}, "values"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_VALUES, ids=str)
def test_a_bad_value_is_refused_by_its_slot(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        EMBLEM.render({"colour": "red", "count": 1, "words": "by night"} | changes)
    assert caught.value.param == param


def test_a_missing_value_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"values\.words: is missing"):
        EMBLEM.render({"colour": "red", "count": 1})


def test_combinations_change_the_last_slot_fastest_and_are_all_different() -> None:
    template = PromptTemplate("{colour} {count}", (COLOUR, COUNT))
    found = [template.render(values) for values in template.combinations(100)]
    assert found[:5] == ["red -1", "red 0", "red 1", "red 2", "sea green -1"]
    assert len(set(found)) == len(found) == template.size == 8
    assert len(list(template.combinations(3))) == 3


def test_a_template_with_free_words_has_no_combinations() -> None:
    assert EMBLEM.size is None
    assert list(EMBLEM.combinations(10)) == []


def test_a_billion_combinations_are_made_one_by_one() -> None:
    wide = PromptTemplate("{a}{b}", (IntegerSlot("a", 0, 10**9), IntegerSlot("b", 0, 10**9)))
    assert list(islice(wide.combinations(10**18), 2)) == [{"a": 0, "b": 0}, {"a": 0, "b": 1}]


def test_equal_requests_have_equal_renderings() -> None:
    one, other = {"a": 1, "b": "x"}, {"b": "x", "a": 1}
    assert Rendering.of(one, {"steps": 3}) == Rendering.of(other, {"steps": 3})
    assert Rendering.of(one, {}) != Rendering.of({**one, "a": 2}, {})


names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
letters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="{}")
words = st.text(letters, min_size=1, max_size=200).filter(lambda text: bool(text.strip()))


@st.composite
def templates(draw: st.DrawFn) -> tuple[PromptTemplate, dict[str, Value]]:
    """A template, and values that fit it."""
    slots, values = list[Slot](), dict[str, Value]()
    for name in draw(st.lists(names, max_size=5, unique=True)):
        kind = draw(st.sampled_from(["choice", "integer", "text"]))
        if kind == "choice":
            options = tuple(draw(st.lists(words, min_size=1, max_size=4, unique=True)))
            slots.append(ChoiceSlot(name, options))
            values[name] = draw(st.sampled_from(options))
        elif kind == "integer":
            low, high = sorted(draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9))))
            slots.append(IntegerSlot(name, low, high))
            values[name] = draw(st.integers(low, high))
        else:
            slots.append(TextSlot(name, 1000))
            values[name] = draw(words)
    pieces = [draw(words), *(f"{{{slot.name}}}{draw(words)}" for slot in slots)]
    return PromptTemplate("".join(pieces), tuple(slots)), values


@given(case=templates())
def test_a_rendering_has_every_value_and_no_brace(case: tuple[PromptTemplate, dict[str, Value]]) -> None:
    template, values = case
    prompt = template.render(values)
    assert not set(prompt) & set("{}")
    assert all(str(value) in prompt for value in values.values())


@given(case=templates())
def test_slots_come_back_exactly_from_their_json(case: tuple[PromptTemplate, dict[str, Value]]) -> None:
    assert slots_from_json(slots_to_json(case[0].slots)) == case[0].slots


@given(case=templates(), bound=st.integers(0, 50))
def test_every_combination_renders(case: tuple[PromptTemplate, dict[str, Value]], bound: int) -> None:
    template, _ = case
    combinations = list(template.combinations(bound))
    assert len(combinations) == min(bound, template.size or 0)
    assert len({template.render(values) for values in combinations}) <= len(combinations)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["{colour}", "{", "}", "\0"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def rendered_or_refused(make: Callable[[], str]) -> InvalidInput | None:
    """Anything but a prompt without braces, or `InvalidInput` that names a field, fails the test."""
    try:
        prompt = make()
    except InvalidInput as refusal:
        return refusal
    assert not set(prompt) & set("{}")
    return None


@given(text=st.text(st.sampled_from("{}colur \n\0é")) | st.text(), name=st.text(), option=st.text(), number=junk)
def test_garbage_makes_a_template_or_is_refused(text: str, name: str, option: str, number: Any) -> None:
    for make in (
        lambda: ChoiceSlot(name, (option,)),
        lambda: IntegerSlot("colour", number, number),
        lambda: TextSlot("colour", number),
        lambda: ChoiceSlot("colour", number),
        lambda: COLOUR,
    ):
        refusal = rendered_or_refused(lambda make=make: PromptTemplate(text, (make(),)).render({"colour": "red"}))
        assert refusal is None or refusal.param in ("text", "slots", "values.colour")


@given(values=st.dictionaries(st.sampled_from(["colour", "count", "words"]) | st.text(), junk))
def test_garbage_values_render_or_are_refused(values: dict[str, Any]) -> None:
    refusal = rendered_or_refused(lambda: EMBLEM.render(values))
    assert refusal is None or (refusal.param is not None and refusal.message.isprintable())
