"""The client's parts: event streams, upstream errors, progress views, and the agreement with the real HTTP door."""

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import Result

from configs.settings import Settings
from gitex.errors import EngineFailure, GitexError
from gitex.events import Queued, Step
from serve_app.commands.client import ServiceClient, service_url
from serve_app.commands.event_stream import ServerEvent, read_events
from serve_app.commands.progress import LiveProgress
from tests.fakes.models import FakeImageModel, FakeTextModel
from tests.unit.serve_app.cli.real_door import on_a_socket
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.pictures import encoded, gradient

Command = Callable[..., Result]
STREAM = (
    ": a comment\r\n\r\nevent: one\r\ndata: first\r\ndata: second\r\nid: 7\r\n\r\n"
    'data:{"text":"\u2028\u00fc"}\n\nevent: empty\n\nevent: cut\ndata: off\n'
)
EVENTS = [ServerEvent("one", "first\nsecond"), ServerEvent("message", '{"text":"\u2028\u00fc"}')]


@given(cuts=st.lists(st.integers(0, len(STREAM.encode())), max_size=12))
def test_events_do_not_depend_on_how_the_body_is_cut(cuts: list[int]) -> None:
    body, edges = STREAM.encode(), [0, *sorted(cuts), None]
    chunks = [body[begin:end] for begin, end in itertools.pairwise(edges)]
    assert list(read_events(chunks)) == EVENTS


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def test_every_upstream_exception_becomes_one_of_ours() -> None:
    kinds = [*_tree(httpx.TransportError), httpx.DecodingError, httpx.TooManyRedirects, httpx.InvalidURL]
    assert len(kinds) > 15
    with ServiceClient("http://127.0.0.1:9", None, 1.0) as client:
        for kind in kinds:
            with pytest.raises(GitexError), client.mapped():
                raise kind("upstream said so")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("gitex.lan", "http://gitex.lan:8000"),
    ],
)
def test_the_settings_say_where_the_service_is(host: str, url: str) -> None:
    assert service_url(Settings(host=host)) == url


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    screen = io.StringIO()
    with LiveProgress(Console(file=screen, force_terminal=True, width=100)) as view:
        view.show(Queued(3))
        view.show(Step(7, 20))
    drawn = screen.getvalue()
    assert "step 7/20" in drawn
    assert drawn.endswith("\x1b[2K"), "the line of the bar is cleared"


def test_the_commands_agree_with_the_real_door(command: Command, tmp_path: Path) -> None:
    lines = "Title: Red Star\nTagline: It shines.\nDescription: A star in red.\nHashtags: #red #star"
    image, text = FakeImageModel(), FakeTextModel(answers=(lines,))
    with on_a_socket(Door(tmp_path, image=image, text=text), api_key="sk-door") as url:
        refused = command("image", "a star", "--url", url)
        assert (refused.exit_code, "GITEX_API_KEY" in refused.stderr) == (2, True)

        asked = ("image", "a star", "--seed", "7", "--steps", "9", "-o", "star.png", "--url", url)
        made = command(*asked, GITEX_API_KEY="sk-door")
        assert made.exit_code == 0, made.stderr
        assert made.stderr.splitlines() == ["queued, 0 ahead", "step 1/2", "step 2/2"]
        assert (tmp_path / "star.png").read_bytes().startswith(b"\x89PNG")
        assert "cached   no" in made.stdout
        assert "cached   yes" in command(*asked, GITEX_API_KEY="sk-door").stdout

        wrong = command("image", "a star", "--size", "9x9", "--url", url, GITEX_API_KEY="sk-door")
        assert (wrong.exit_code, wrong.stderr.startswith("error: size: ")) == (2, True)

        image.error, image.error_after_steps = EngineFailure("the engine broke"), True
        broken = command("image", "other", "--url", url, GITEX_API_KEY="sk-door")
        assert (broken.exit_code, broken.stderr.splitlines()[-1]) == (1, "error: the engine broke")

        (tmp_path / "photo.png").write_bytes(encoded(gradient(64, 64)))
        image.error = None
        edit = ("image", "a moon", "--from", "photo.png", "--strength", "0.5", "-o", "moon.png", "--url", url)
        edited = command(*edit, "--strict", "--adapter", "ink:0.5", GITEX_API_KEY="sk-door")
        assert edited.exit_code == 0, edited.stderr
        asset_id = next(line.split()[1] for line in edited.stdout.splitlines() if line.startswith("asset"))
        verified = command("verify", asset_id, "--url", url, GITEX_API_KEY="sk-door")
        assert (verified.exit_code, verified.stdout.splitlines()[0]) == (0, f"{asset_id} passed"), verified.stderr
        image.shift = 1
        assert command("verify", asset_id, "--url", url, GITEX_API_KEY="sk-door").exit_code == 1

        written = command("copy", "a red star", "-k", "glow", "--url", url, GITEX_API_KEY="sk-door")
        assert written.exit_code == 0, written.stderr
        assert written.stdout.startswith("Red Star\nIt shines.\n\nA star in red.\n\n#red #star\n")
