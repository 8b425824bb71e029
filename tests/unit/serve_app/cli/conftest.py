"""The fake service, and the command line in a clean environment."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serve_app.cli import app
from tests.fakes.service import FakeService, completed, progress
from tests.unit.serve_app.cli.real_door import on_a_socket
from tests.unit.serve_app.http.conftest import Door


@pytest.fixture
def service() -> Iterator[FakeService]:
    fake = FakeService()
    with fake.running():
        yield fake


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `gitex` in an empty folder, without settings from outside."""
    for name in [name for name in os.environ if name.startswith("GITEX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environ)

    return run


@pytest.fixture
def finished_picture(service: FakeService) -> FakeService:
    """The service streams progress, a preview, something unknown, and the picture."""
    steps = [progress("denoising", step=i, total=20) for i in range(1, 21)]
    preview = ("image_generation.partial_image", {"b64_json": "aGk=", "partial_image_index": 0})
    service.streams(progress("queued", ahead=2), *steps, preview, ("gitex.future", {"new": 1}), completed())
    return service


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """The real HTTP application over fakes."""
    return Door(tmp_path / "data")


@pytest.fixture
def url(door: Door) -> Iterator[str]:
    """Where `door` is served."""
    with on_a_socket(door) as url:
        yield url


@pytest.fixture
def gitex(command: Callable[..., Result], url: str) -> Callable[..., Result]:
    """Run `gitex` on `door`."""
    return lambda *arguments: command(*arguments, "--url", url)
