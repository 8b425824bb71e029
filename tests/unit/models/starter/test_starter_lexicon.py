"""The words of the starter copy corpus: many, each once, and bent as English bends them."""

import re
from collections import Counter

import pytest

from benchmarks.starter_copy import in_own_words
from models.starter.corpus import vocabulary
from models.starter.lexicon import entries, kinds, lexicon_words, nouns, plural, with_article
from models.starter.phrases import words


def test_there_are_many() -> None:
    assert len(nouns()) > 1_200
    assert len({*entries("doing"), *entries("acting")}) > 200
    described = [word for kind in ("colours", "more colours", "materials", "qualities") for word in entries(kind)]
    assert len(set(described)) > 250


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "nouns"])
def test_no_list_has_an_entry_twice_or_an_empty_one(kind: str) -> None:
    assert [entry for entry, times in Counter(entries(kind)).items() if times > 1] == []
    assert all(re.fullmatch(r"\S+(?: \S+)*", entry) for entry in entries(kind))


def test_no_noun_is_listed_twice() -> None:
    assert [noun for noun, times in Counter(one for one, _ in nouns()).items() if times > 1] == []


def test_what_somebody_does_ends_in_ing() -> None:
    bare = {"asleep", "made of", "built of", "covered in", "covered with", "surrounded by", "full of", "filled with"}
    bare |= {"shaped like", "wrapped in", "dressed as", "seen from", "reflected in", "hidden behind", "decorated with"}
    done = {*entries("doing"), *entries("acting")} - bare
    assert [entry for entry in done if not entry.split()[0].endswith("ing")] == []


@pytest.mark.parametrize(
    ("one", "many"),
    [("fox", "foxes"), ("cherry", "cherries"), ("key", "keys"), ("street lamp", "street lamps"), ("brush", "brushes")],
)
def test_plurals_follow_the_rule(one: str, many: str) -> None:
    assert plural(one) == many == dict(nouns())[one]


def test_plurals_that_follow_no_rule_are_listed() -> None:
    listed = dict(nouns())
    for one, many in (("wolf", "wolves"), ("mouse", "mice"), ("child", "children"), ("tomato", "tomatoes")):
        assert listed[one] == many
    assert listed["sheep"] == "sheep"
    assert listed["rain"] == ""
    wrong = re.compile(r"(?:mans|(?:wo|ca|e|she)lfs|[^aeiou]ys|[sxz]s|[cs]hs)$")
    assert [many for many in listed.values() if wrong.search(many)] == []


@pytest.mark.parametrize(
    "phrase",
    ["an owl", "an old fox", "a unicorn", "an umbrella", "an hourglass", "an unusual hat", "a one-eyed cat", "a UFO"],
)
def test_articles_follow_the_sound(phrase: str) -> None:
    assert with_article(phrase.split(" ", 1)[1]) == phrase


def test_every_article_of_the_lexicon_fits() -> None:
    """All words that begin with a vowel's letter but not with its sound, or the other way round, are these."""
    every = {form for noun in nouns() for form in noun if form} | set(entries("qualities")) | set(entries("materials"))
    odd = {word for word in every if (word[0].lower() in "aeiou") != with_article(word).startswith("an ")}
    assert {word.split()[0] for word in odd} == {
        *("unicorn", "unicorns", "unicycle", "unicycles", "university", "universities", "ukulele", "ukuleles"),
        *("hourglass", "hourglasses"),
    }


def test_half_of_the_prompts_in_peoples_words_are_about_what_the_lexicon_lacks() -> None:
    tasks = in_own_words()
    new = [task for task in tasks if not vocabulary().issuperset(words(task.subject))]
    assert len(tasks) >= 70
    assert len(tasks) / 2 <= len(new) < len(tasks) - 30
    assert all(task.subject.lower() in task.brief.prompt.lower() for task in tasks)
    assert not {"corgi", "axolotl", "capybara", "kangaroo"} & lexicon_words()
