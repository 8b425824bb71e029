"""`gitex copy` against a service on a real socket."""

import json
from collections.abc import Callable
from typing import Any

from typer.testing import Result

from tests.fakes.service import FakeService

Command = Callable[..., Result]

WRITTEN: dict[str, Any] = {
    "title": "Teal Star",
    "tagline": "It shines.",
    "description": "A star in teal.",
    "hashtags": ["#star", "#teal"],
    "usage": {"prompt_tokens": 7, "completion_tokens": 20, "total_tokens": 27},
    "gitex": {"variant": "starter-copy@1", "weights_digest": "sha256:" + "1" * 64, "seed": 5},
}


def test_copy_is_printed(command: Command, service: FakeService) -> None:
    service.answers(200, WRITTEN)
    result = command("copy", "a star", "-k", "glow", "--keyword", "night", "--tone", "bold", "--url", service.url)
    assert result.exit_code == 0, result.stderr
    for text in ("Teal Star", "It shines.", "A star in teal.", "#star #teal", "starter-copy@1, seed 5"):
        assert text in result.stdout
    path, _, body = service.asked[0]
    assert path == "/v1/copy"
    assert body == {"prompt": "a star", "keywords": ["glow", "night"], "tone": "bold"}


def test_copy_as_json_is_the_services_answer(command: Command, service: FakeService) -> None:
    service.answers(200, WRITTEN)
    result = command("copy", "a star", "--json", "--url", service.url)
    assert json.loads(result.stdout) == WRITTEN
    assert service.asked[0][2] == {"prompt": "a star", "keywords": []}


def test_a_refusal_is_told_in_the_services_words(command: Command, service: FakeService) -> None:
    service.refuses(400, "invalid_request_error", "tone: not one of neutral, bold", param="tone")
    result = command("copy", "a star", "--tone", "loud", "--url", service.url)
    assert result.exit_code == 2
    assert result.stderr == "error: tone: not one of neutral, bold\n"


def test_an_answer_of_another_shape_is_told(command: Command, service: FakeService) -> None:
    service.answers(200, {"title": "only"})
    result = command("copy", "a star", "--url", service.url)
    assert result.exit_code == 1
    assert "does not answer as a Gitex service does" in result.stderr
