"""`gitex templates` against the real HTTP door over fake models."""

import json
from collections.abc import Callable

import httpx
import pytest
from typer.testing import Result

from gitex.errors import InvalidInput
from serve_app.commands.templates import slot_of

Gitex = Callable[..., Result]
ADD = ("templates", "add", "emblem", "a {colour} {shape}", "-s", "colour=red,sea green", "-s", "shape=star,ring,moon")


def ask_for(url: str, colour: str, shape: str, times: int = 1, **fields: int) -> str:
    body = {"values": {"colour": colour, "shape": shape}, **fields}
    for _ in range(times):
        answer = httpx.post(f"{url}/v1/templates/emblem/images", json=body)
    cache: str = answer.json()["data"][0]["gitex"]["cache"]
    return cache


def test_templates_are_added_listed_shown_and_deleted(gitex: Gitex) -> None:
    added = gitex(*ADD, "--seed", "41")
    assert (added.exit_code, added.stdout) == (0, "emblem has the seed 41 and 6 renderings\n"), added.stderr
    words = ("-s", "words=text:40", "-s", "count=-1..9")
    assert gitex("templates", "add", "free", "{count} {words}", *words).exit_code == 0
    rows = [line.split("\t") for line in gitex("templates", "list").stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ["free", "{count} {words}", "countless"],
        ["emblem", "a {colour} {shape}", "6"],
    ]
    assert [each["name"] for each in json.loads(gitex("templates", "list", "--json").stdout)["data"]] == [
        "free",
        "emblem",
    ]

    shown = gitex("templates", "show", "free").stdout.splitlines()
    assert shown[0] == "{count} {words}"
    assert "slot     words: up to 40 characters" in shown
    assert "slot     count: -1 to 9" in shown
    assert json.loads(gitex("templates", "show", "emblem", "--json").stdout)["seed"] == 41

    assert gitex("templates", "delete", "emblem").exit_code == 0
    gone = gitex("templates", "show", "emblem")
    assert (gone.exit_code, gone.stderr) == (2, "error: there is no template 'emblem'\n")


def test_what_was_used_is_shown(gitex: Gitex, url: str) -> None:
    gitex(*ADD)
    ask_for(url, "red", "star", times=2, steps=3)
    assert (
        "used     2 times: colour=red, shape=star, steps=3" in gitex("templates", "show", "emblem").stdout.splitlines()
    )


@pytest.mark.parametrize(
    "arguments", [("a {x}", "-s", "x"), ("a {x}", "-s", "x="), ("a {x}",), ("a {x", "-s", "x=1..2")]
)
def test_a_template_that_cannot_be_is_the_callers_mistake(gitex: Gitex, arguments: tuple[str, ...]) -> None:
    result = gitex("templates", "add", "emblem", *arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_a_name_that_is_taken_is_the_callers_mistake(gitex: Gitex) -> None:
    gitex(*ADD)
    result = gitex(*ADD)
    assert (result.exit_code, result.stderr) == (2, "error: name: there is a template 'emblem' already\n")


def test_slots_are_written_short() -> None:
    assert slot_of("count=-3..12") == {"name": "count", "type": "integer", "minimum": -3, "maximum": 12}
    assert slot_of("words=text:40") == {"name": "words", "type": "text", "max_length": 40}
    assert slot_of("colour=red, sea green") == {"name": "colour", "type": "choice", "options": ["red", "sea green"]}
    with pytest.raises(InvalidInput, match="NAME=LOW"):
        slot_of("colour")
