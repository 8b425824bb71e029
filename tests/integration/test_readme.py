"""Every snippet of the README, run as it stands against a running service (only the address is another)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from configs.catalog import REPOSITORY
from tests.integration.readme import Snippet, snippets

STARTS_THE_SERVICE = "make run"


def _runnable() -> list[Snippet]:
    return [snippet for snippet in snippets() if STARTS_THE_SERVICE not in snippet.code]


def test_the_readme_starts_with_make_run() -> None:
    assert snippets()[0].code.strip() == STARTS_THE_SERVICE
    makefile = (REPOSITORY / "Makefile").read_text()
    assert "\nrun:" in makefile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader goes through them in order, in one folder: a later one may use an earlier one's picture."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize("snippet", _runnable(), ids=lambda snippet: snippet.code.split()[0] + snippet.language)
def test_a_snippet_works(snippet: Snippet, base_url: str, folder: Path) -> None:
    before = set(folder.glob("*.png"))
    code = snippet.code.replace("http://127.0.0.1:8000", base_url)
    code = code.replace(".venv/bin/gitex", f"{sys.executable} -m serve_app.cli")
    command = ["bash", "-euc", code] if snippet.language == "bash" else [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "GITEX_PORT": base_url.rpartition(":")[2]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    made = set(folder.glob("*.png")) - before
    for picture in made:
        with Image.open(picture) as image:
            assert image.size == (128, 128)
    assert made or done.stdout.strip()
