"""What is installed when, with an npm that only writes down how it was called."""

from pathlib import Path

import pytest

from chain.install import install
from gitex.errors import Unavailable

NPM = """#!/bin/sh
rm -rf node_modules
mkdir node_modules
echo "$@" >> calls
exit ${NPM_ENDS_WITH:-0}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs, folder = tmp_path / "bin", tmp_path / "contracts"
    programs.mkdir()
    folder.mkdir()
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text("{}")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return folder


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_anvil_alone_is_installed_once_and_again_when_the_lock_file_changes(folder: Path) -> None:
    install(folder)
    install(folder)
    (folder / "package-lock.json").write_text("{ }")
    install(folder)
    assert calls(folder) == ["ci --ignore-scripts --omit=dev"] * 2


def test_all_tools_have_anvil_among_them(folder: Path) -> None:
    install(folder)
    install(folder, dev=True)
    install(folder)
    install(folder, dev=True)
    assert calls(folder) == ["ci --ignore-scripts --omit=dev", "ci --ignore-scripts"]


def test_an_install_that_fails_is_said_and_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_ENDS_WITH", "1")
    with pytest.raises(Unavailable, match="npm ci"):
        install(folder)
    monkeypatch.setenv("NPM_ENDS_WITH", "0")
    install(folder)
    assert len(calls(folder)) == 2


def test_without_npm_that_is_what_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Unavailable, match="npm is not installed"):
        install(folder)
