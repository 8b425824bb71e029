"""`gitex assets` on a real door, and `gitex gc` on the settings' own database and blobs."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from storage.blobs import LocalBlobStore
from tests.unit.serve_app.http.conftest import Door

Command = Callable[..., Result]


def _make(gitex: Command, tmp_path: Path, seed: int) -> str:
    result = gitex("image", "a star", "--seed", str(seed), "-o", str(tmp_path / f"{seed}.png"))
    assert result.exit_code == 0, result.stderr
    return json.loads(gitex("assets", "list", "-n", "1", "--json").stdout)["id"]


def test_pictures_are_listed_newest_first(gitex: Command, tmp_path: Path) -> None:
    first, second = _make(gitex, tmp_path, 1), _make(gitex, tmp_path, 2)
    lines = gitex("assets", "list").stdout.splitlines()
    assert [line.split("\t") for line in lines] == [
        [second, "image", "painter@1", "", "a star"],
        [first, "image", "painter@1", "", "a star"],
    ]
    assert gitex("assets", "list", "--limit", "0").exit_code == 2
    assert gitex("assets", "list", "--kind", "nonsense").exit_code == 2


def test_one_is_shown_and_written_to_a_file(gitex: Command, door: Door, tmp_path: Path) -> None:
    asset = _make(gitex, tmp_path, 1)
    target = tmp_path / "out.png"
    result = gitex("assets", "show", asset, "-o", str(target))
    assert result.exit_code == 0, result.stderr
    assert "seed     1" in result.stdout.splitlines()
    assert "prompt   a star" in result.stdout.splitlines()
    assert target.read_bytes() == door.assets.contents[asset] == (tmp_path / "1.png").read_bytes()
    assert gitex("assets", "show", asset, "-o", str(tmp_path / "no" / "folder")).exit_code == 2


def test_a_deleted_one_is_gone(gitex: Command, tmp_path: Path) -> None:
    asset = _make(gitex, tmp_path, 1)
    assert gitex("assets", "delete", asset, "--user", "somebody").exit_code == 2
    assert gitex("assets", "delete", asset).stdout == f"{asset} is deleted\n"
    again = gitex("assets", "show", asset)
    assert (again.exit_code, again.stderr.startswith("error: ")) == (2, True)


def test_gc_removes_what_nothing_names(command: Command, tmp_path: Path) -> None:
    blobs = LocalBlobStore(tmp_path / "data" / "blobs")
    old, young = asyncio.run(blobs.put(b"old orphan")), asyncio.run(blobs.put(b"young orphan"))
    os.utime(tmp_path / "data" / "blobs" / old[:2] / old, (time.time() - 7200,) * 2)
    result = command("gc", "--json", GITEX_DATA_DIR=str(tmp_path / "data"))
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"removed": 1, "freed": 10, "kept": 1}
    assert asyncio.run(blobs.size(young)) == 12
    result = command("gc", "--grace-minutes", "0", GITEX_DATA_DIR=str(tmp_path / "data"))
    assert result.stdout == "removed 1 blobs, freed 12 bytes, kept 0 blobs\n"
