"""The commands that need no service: help, settings, doctor."""

import json
import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from configs.catalog import REPOSITORY, Catalog, ModelEntry
from configs.settings import Settings
from gitex.errors import WeightsMismatch
from serve_app.commands.checks import (
    check_data_dir,
    check_database,
    check_exposure,
    check_models,
    check_ports,
    check_python,
    check_torch,
)
from storage.durable import write_durably
from tests.fakes.service import FakeService

Command = Callable[..., Result]
HEAVY = ("torch", "ray", "diffusers", "transformers", "rich", "httpx", "pydantic", "sqlalchemy", "PIL", "numpy")


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom serve_app.cli import app\n"
        "sys.argv = ['gitex', '--help']\n"
        "try: app()\nexcept SystemExit as end: assert end.code == 0\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stdout.splitlines()[-1] == "loaded: []"
    for name in ("up", "image", "verify", "copy", "templates", "cache", "doctor", "settings"):
        assert f"\n  {name} " in run.stdout
    # Processor time, because wall time says more about what else the machine does. Seen: 0.2 s.
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 1.0, f"help took {seconds:.2f} s of processor time"


def test_settings_are_listed_with_their_source_and_secrets_masked(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GITEX_API_KEY=sk-hidden\n")
    rows = [line.split("\t") for line in command("settings", GITEX_PORT="9001").stdout.splitlines()]
    found = {row[0]: row[1:3] for row in rows}
    assert found["GITEX_PORT"] == ["9001", "environment"]
    assert found["GITEX_API_KEY"] == ["**********", ".env"]
    assert found["GITEX_HOST"] == ["127.0.0.1", "default"]
    as_json = command("settings", "--json").stdout
    assert "sk-hidden" not in as_json
    assert {line["name"] for line in json.loads(as_json)} == set(found)


@pytest.mark.parametrize("arguments", [("settings",), ("image", "a star"), ("copy", "a star"), ("up",)])
def test_a_bad_setting_stops_every_command_by_name(command: Command, arguments: tuple[str, ...]) -> None:
    result = command(*arguments, GITEX_PROT="1")
    assert result.exit_code == 2
    assert "GITEX_PROT (environment) is not a setting; did you mean GITEX_PORT?" in result.stderr


def _catalog(*entries: ModelEntry) -> Catalog:
    return Catalog(models=entries)


def _entry(source: str, digest: str | None = None) -> ModelEntry:
    return ModelEntry(name="m", version=1, kind="gan", source=source, digest=digest)


def test_models_are_compared_with_the_catalog(tmp_path: Path) -> None:
    right, wrong = "sha256:" + "a" * 64, "sha256:" + "b" * 64

    def status(entry: ModelEntry) -> str:
        return next(check_models(_catalog(entry), lambda folder: right)).status

    assert status(_entry(str(tmp_path), right)) == "ok"
    assert status(_entry(str(tmp_path))) == "ok"
    assert status(_entry(str(tmp_path), wrong)) == "fail"
    assert status(_entry(str(tmp_path / "none"))) == "fail"
    assert status(_entry("hf://owner/name")) == "warn"

    def broken(folder: Path) -> str:
        raise WeightsMismatch("cut off")

    assert next(check_models(_catalog(_entry(str(tmp_path))), broken)).status == "fail"


def test_free_taken_and_our_own_ports_are_told_apart(service: FakeService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
    free = taken
    ours = int(service.url.rpartition(":")[2])
    service.answers(200, {"status": "ready", "parts": [{"name": "asset store", "status": "ok", "problem": None}]})
    assert [c.status for c in check_ports(Settings(port=free, dashboard_port=ours))] == ["ok", "fail"]
    assert [c.status for c in check_ports(Settings(port=ours, dashboard_port=free))] == ["ok", "ok"]
    service.answers(503, {"parts": [{"name": "model m@1", "status": "failed", "problem": "no answer"}]})
    found = next(check_ports(Settings(port=ours, dashboard_port=ours)))
    assert (found.status, "model m@1: no answer" in found.detail) == ("warn", True)
    part = {"name": "prompt cache", "status": "degraded", "problem": "Redis is gone"}
    service.answers(200, {"status": "ready", "parts": [part]})
    found = next(check_ports(Settings(port=ours, dashboard_port=ours)))
    assert (found.status, "is degraded: prompt cache: Redis is gone" in found.detail) == ("warn", True)
    service.answers(404, {"detail": "Not Found"})
    foreign = next(check_ports(Settings(port=ours, dashboard_port=free)))
    assert (foreign.status, "GITEX_PORT" in foreign.mend) == ("fail", True)


@pytest.mark.parametrize(("free", "status"), [(2**40, "ok"), (2**31, "warn"), (2**20, "fail")])
def test_room_on_the_disk(tmp_path: Path, free: int, status: str) -> None:
    assert check_data_dir(tmp_path / "not" / "yet", lambda folder: free).status == status
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert check_data_dir(tmp_path / "data" / "deep").status == "fail"


def test_the_database_opens_or_does_not(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "100% data")
    assert "first start" in check_database(settings).detail
    assert not settings.data_dir.exists()
    settings.data_dir.mkdir()
    (settings.data_dir / "gitex.db").touch()
    assert check_database(settings).detail.endswith("opens")
    (settings.data_dir / "gitex.db").write_bytes(b"not a database " * 100)
    assert check_database(settings).status == "fail"


def _python(folder: Path, script: str) -> str:
    write_durably(folder / "python", f"#!/bin/sh\n{script}\n".encode())
    (folder / "python").chmod(stat.S_IRWXU)
    return str(folder / "python")


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ('echo warned; echo \'{"version": "2.13.0", "device": "CPU"}\'', "ok", "2.13.0 on CPU"),
        ("echo 'ModuleNotFoundError: No module named torch' >&2; exit 1", "fail", "No module named torch"),
        ("exit 139", "fail", "ended without a word"),
        ("true", "fail", "cannot be asked"),
    ],
)
def test_torch_is_asked_in_another_process(tmp_path: Path, script: str, status: str, said: str) -> None:
    found = check_torch(_python(tmp_path, script))
    assert (found.status, said in found.detail) == (status, True), found


def test_python_and_exposure() -> None:
    assert (check_python((3, 11)).status, check_python((3, 13)).status) == ("ok", "fail")
    assert [c.status for c in check_exposure(Settings(host="0.0.0.0"))] == ["warn"]
    assert list(check_exposure(Settings())) == []


def test_doctor_reports_all_and_fails_with_exit_code_1(command: Command, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(
        f"models:\n- {{name: gone, version: 1, kind: gan, source: {tmp_path}/gone}}\n"
    )
    environ = {"GITEX_CATALOG": "models.yaml", "GITEX_DATA_DIR": str(tmp_path / "data")}
    told = command("doctor", "--json", **environ)
    assert told.exit_code == 1, told.output
    report = json.loads(told.stdout)
    found = {check["name"]: check for check in report["checks"]}
    assert report["ok"] is False
    assert found["torch"]["status"] == "ok"
    assert found["database"]["status"] == "ok"
    assert (found["model gone@1"]["status"], bool(found["model gone@1"]["mend"])) == ("fail", True)
    assert not (tmp_path / "data").exists(), "doctor only looks"


def test_doctor_tells_bad_settings_as_a_finding(command: Command) -> None:
    result = command("doctor", GITEX_PORT="http")
    assert result.exit_code == 1
    assert "fail\tsettings\tGITEX_PORT (environment) cannot be used" in result.stdout


def test_the_environment_of_these_tests_is_clean(command: Command) -> None:
    assert [name for name in os.environ if name.startswith("GITEX_")] == []
