"""`gitex cache warm` against the real HTTP door over fake models."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from configs.catalog import REPOSITORY
from gitex.errors import EngineFailure, Overloaded
from gitex.events import ImageEvent
from gitex.ports import RunContext
from gitex.specs import ImageSpec
from serve_app.commands.cache import warm_cache
from serve_app.commands.client import ServiceClient
from serve_app.commands.counting import LiveCount
from tests.fakes.models import FakeImageModel
from tests.unit.serve_app.cli.real_door import on_a_socket
from tests.unit.serve_app.cli.test_cli_templates import ADD, ask_for
from tests.unit.serve_app.http.conftest import Door

Gitex = Callable[..., Result]


def made(door: Door) -> list[str]:
    return [spec.prompt for spec in door.image.started]


def test_after_warming_every_request_hits(door: Door, gitex: Gitex, url: str) -> None:
    gitex(*ADD)
    warmed = gitex("cache", "warm")
    assert (warmed.exit_code, warmed.stdout) == (0, "made 6, in the cache already 0, failed 0\n"), warmed.stderr
    assert {ask_for(url, colour, shape) for colour in ("red", "sea green") for shape in ("star", "moon")} == {"hit"}
    assert len(made(door)) == len(set(made(door))) == 6
    assert {(context.tenant, context.priority) for context in door.image.contexts} == {("cache-warm", -10)}
    assert gitex("cache", "warm").stdout == "made 0, in the cache already 6, failed 0\n"


def test_what_is_used_most_is_made_first_as_it_was_asked_for(door: Door, gitex: Gitex, url: str) -> None:
    gitex(*ADD, "--seed", "41")
    ask_for(url, "red", "ring")
    ask_for(url, "sea green", "moon", times=2, steps=3, seed=7)
    door.cache.entries.clear()
    door.image.started.clear()
    told = gitex("cache", "warm", "--limit", "3", "--concurrency", "1")
    assert told.stdout == "made 3, in the cache already 0, failed 0\n", told.stderr
    assert made(door) == ["a sea green moon", "a red ring", "a red star"]
    assert [spec.seed for spec in door.image.started] == [7, 41, 41]
    assert ask_for(url, "sea green", "moon", steps=3, seed=7) == "hit"
    assert told.stderr.splitlines()[-1] == "3/3 made 3, in the cache already 0, failed 0"


def test_what_one_template_is_used_for_goes_before_what_another_could_be(door: Door, gitex: Gitex, url: str) -> None:
    gitex(*ADD)
    ask_for(url, "red", "moon")
    gitex("templates", "add", "other", "a {count} of spades", "-s", "count=2..3")
    gitex("cache", "warm", "--limit", "2", "--concurrency", "1")
    assert made(door) == ["a red moon", "a 2 of spades"]


def test_only_the_named_template_is_warmed_and_top_bounds_what_was_used(door: Door, gitex: Gitex, url: str) -> None:
    gitex(*ADD)
    gitex("templates", "add", "other", "a {count} of spades", "-s", "count=2..3")
    assert gitex("cache", "warm", "--template", "other").stdout.startswith("made 2,")
    assert sorted(made(door)) == ["a 2 of spades", "a 3 of spades"]
    gitex("cache", "warm", "--limit", "4", "--concurrency", "1")
    assert sorted(made(door)[2:]) == ["a red ring", "a red star"], "templates take turns"
    ask_for(url, "sea green", "ring")
    ask_for(url, "sea green", "star")
    door.cache.entries.clear()
    door.image.started.clear()
    gitex("cache", "warm", "-t", "emblem", "--top", "0", "--limit", "1")
    assert made(door) == ["a red star"]


def test_a_template_that_is_not_there_is_the_callers_mistake(gitex: Gitex) -> None:
    assert gitex("cache", "warm", "--template", "none").exit_code == 2


def test_nothing_to_warm_is_fine(gitex: Gitex) -> None:
    result = gitex("cache", "warm")
    assert (result.exit_code, result.stdout) == (0, "made 0, in the cache already 0, failed 0\n")


def test_failures_are_counted_and_told_and_the_others_are_made(door: Door, gitex: Gitex) -> None:
    gitex(*ADD)
    ask = door.image.generate

    async def flaky(spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        if "ring" in spec.prompt:
            raise EngineFailure("rings are hard")
        async for event in ask(spec, context):
            yield event

    door.image.generate = flaky  # type: ignore[method-assign]
    result = gitex("cache", "warm")
    assert (result.exit_code, result.stdout) == (1, "made 4, in the cache already 0, failed 2\n")
    assert "the last failure: rings are hard" in result.stderr.splitlines()[-1]


@dataclass
class BusyModel(FakeImageModel):
    """Its queue is full the first `refusals` times."""

    refusals: int = 2

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        if self.refusals > 0:
            self.refusals -= 1
            raise Overloaded("full", retry_after=3)
        async for event in super().generate(spec, context):
            yield event


@pytest.mark.parametrize(("refusals", "pauses", "failed"), [(2, [3.0, 3.0], 0), (99, [3.0] * 4, 1)])
def test_a_full_queue_is_waited_for_as_it_asks(tmp_path: Path, refusals: int, pauses: list[float], failed: int) -> None:
    slept = list[float]()

    async def pause(seconds: float) -> None:
        slept.append(seconds)

    door = Door(tmp_path / "data", image=BusyModel(refusals=refusals))
    with on_a_socket(door) as url, ServiceClient(url, None, 30) as client:
        client.tell("POST", "/v1/templates", json={"name": "star", "text": "a star"})
        warmed = warm_cache(client, "star", top=1, limit=1, concurrency=1, pause=pause)
    assert (slept, warmed.failed) == (pauses, failed)


@dataclass
class HeldModel(FakeImageModel):
    """Works on what it is asked for until it is let go, from whatever thread."""

    let_go: threading.Event = field(default_factory=threading.Event)

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        self.started.append(spec)
        while not self.let_go.is_set():  # noqa: ASYNC110 -- an asyncio.Event belongs to one thread's loop
            await asyncio.sleep(0.01)
        async for event in super().generate(spec, context):
            yield event


def test_ctrl_c_ends_with_130_and_tells_how_far_it_came(tmp_path: Path, command: Callable[..., Result]) -> None:
    held = HeldModel()
    with on_a_socket(Door(tmp_path / "data", image=held)) as url:
        command(*ADD, "--url", url)
        held.let_go.set()
        assert ask_for(url, "red", "star") == "miss"
        held.let_go.clear()
        held.started.clear()
        try:
            process = _in_a_process(tmp_path, "cache", "warm", "--url", url)
            _until(lambda: len(held.started) == 2)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            held.let_go.set()
            process.kill()
            process.wait()
    assert (process.returncode, stdout) == (130, "made 0, in the cache already 1, failed 0\n")
    assert stderr.splitlines()[-1] == "cancelled"
    assert "Traceback" not in stderr


def _in_a_process(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GITEX_")}
    return subprocess.Popen(
        [sys.executable, "-m", "serve_app.cli", *arguments],
        cwd=folder,
        env={**environ, "PYTHONPATH": os.pathsep.join((str(REPOSITORY), environ.get("PYTHONPATH", "")))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def _until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    screen = io.StringIO()
    with LiveCount(Console(file=screen, force_terminal=True, width=100), 20) as view:
        view.show(7, "made 7")
    drawn = screen.getvalue()
    assert "7/20" in drawn
    assert "made 7" in drawn
    assert drawn.endswith("\x1b[2K"), "the line of the bar is cleared"
