"""`gitex image` against a service on a real socket."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from configs.catalog import REPOSITORY
from tests.fakes.service import PNG, SHA256, FakeService, completed, progress

Command = Callable[..., Result]


def test_a_picture_is_written_and_its_origin_told(
    command: Command, finished_picture: FakeService, tmp_path: Path
) -> None:
    result = command("image", "a star", "-o", "star.png", "--url", finished_picture.url)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "star.png").read_bytes() == PNG
    assert [path.name for path in tmp_path.iterdir()] == ["star.png"]
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[1:])
    assert result.stdout.splitlines()[0] == "star.png"
    assert (told["seed"], told["variant"], told["sha256"], told["cached"]) == ("7", "starter-diffusion@1", SHA256, "no")
    assert float(told["seconds"]) >= 0


def test_progress_is_a_few_plain_lines_when_nobody_looks(command: Command, finished_picture: FakeService) -> None:
    result = command("image", "a star", "--url", finished_picture.url)
    expected = ["queued, 2 ahead", "step 5/20", "step 10/20", "step 15/20", "step 20/20"]
    assert result.stderr.splitlines() == expected


def test_only_what_was_said_is_sent(command: Command, finished_picture: FakeService) -> None:
    command("image", "a star", "--url", finished_picture.url + "/")
    path, headers, body = finished_picture.asked[0]
    assert path == "/v1/images/generations"
    assert "authorization" not in headers
    assert body == {"prompt": "a star", "stream": True, "progress": True, "response_format": "b64_json"}


def test_every_option_reaches_the_service(command: Command, finished_picture: FakeService) -> None:
    options = {
        "--model": "m@2",
        "--size": "64x96",
        "--steps": "9",
        "--guidance": "2.5",
        "--seed": str(2**64 - 1),
        "--sampler": "ddim",
        "--negative-prompt": "grey",
    }
    flat = [part for pair in options.items() for part in pair]
    command("image", "a star", *flat, "--url", finished_picture.url, GITEX_API_KEY="sk-env")
    _, headers, body = finished_picture.asked[0]
    assert headers["authorization"] == "Bearer sk-env"
    wanted: dict[str, Any] = {"model": "m@2", "size": "64x96", "steps": 9, "guidance_scale": 2.5, "sampler": "ddim"}
    wanted |= {"seed": 2**64 - 1, "negative_prompt": "grey"}
    assert wanted.items() <= body.items()


def test_the_key_on_the_command_line_wins_over_the_settings(command: Command, finished_picture: FakeService) -> None:
    command("image", "a star", "--url", finished_picture.url, "--api-key", "sk-said", GITEX_API_KEY="sk-env")
    assert finished_picture.asked[0][1]["authorization"] == "Bearer sk-said"


def test_without_an_url_the_settings_say_where(command: Command, finished_picture: FakeService, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"GITEX_PORT={finished_picture.url.rpartition(':')[2]}\nGITEX_HOST=0.0.0.0\n")
    assert command("image", "a star", "-o", "star.png").exit_code == 0


def test_without_a_name_the_file_is_called_after_its_digest(
    command: Command, finished_picture: FakeService, tmp_path: Path
) -> None:
    assert command("image", "a star", "--url", finished_picture.url).exit_code == 0
    assert (tmp_path / f"gitex-{SHA256[:12]}.png").read_bytes() == PNG


@pytest.mark.parametrize(("cache", "said"), [("hit", "yes"), ("joined", "no (shared"), ("bypass", "no")])
def test_a_cached_picture_is_called_so(command: Command, service: FakeService, cache: str, said: str) -> None:
    service.streams(completed(cache=cache))
    assert f"cached   {said}" in command("image", "a star", "--url", service.url).stdout


def test_no_service_is_one_clear_sentence(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = command("image", "a star", "--url", url)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error: no service answers at {url}: start it with `make run`, or name another with --url"
    ]


@pytest.mark.parametrize("url", ["gitex", "ftp://gitex", "http://h:port"])
def test_an_url_that_is_none_is_the_callers_mistake(command: Command, url: str) -> None:
    result = command("image", "a star", "--url", url)
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1


REFUSALS: list[tuple[int, str, dict[str, str], int, str]] = [
    (400, "invalid_request_error", {}, 2, "error: the message"),
    (401, "authentication_error", {}, 2, "GITEX_API_KEY"),
    (429, "rate_limit_error", {"retry_after": "3"}, 1, "try again in 3 s"),
    (500, "server_error", {"x_request_id": "req-9"}, 1, "the message (request id req-9)"),
    (504, "server_error", {}, 1, "error: the message"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=[str(case[0]) for case in REFUSALS])
def test_a_refusal_is_told_in_the_services_words(
    command: Command, service: FakeService, tmp_path: Path, case: tuple[int, str, dict[str, str], int, str]
) -> None:
    status, kind, headers, exit_code, said = case
    service.refuses(status, kind, "the message", **headers)
    result = command("image", "a star", "-o", "star.png", "--url", service.url)
    assert result.exit_code == exit_code
    assert said in result.stderr
    assert "the message" in result.stderr
    assert not (tmp_path / "star.png").exists()


@pytest.mark.parametrize(("kind", "exit_code"), [("server_error", 1), ("invalid_request_error", 2)])
def test_an_error_in_the_middle_of_the_stream_ends_it(
    command: Command, service: FakeService, tmp_path: Path, kind: str, exit_code: int
) -> None:
    error = {
        "type": "error",
        "error": {"message": "engine broke", "type": kind, "code": "engine_failure", "param": None},
    }
    service.streams(progress("denoising", step=5, total=20), ("error", error), completed())
    result = command("image", "a star", "-o", "star.png", "--url", service.url)
    assert result.exit_code == exit_code
    assert result.stderr.splitlines() == ["step 5/20", "error: engine broke"]
    assert list(tmp_path.iterdir()) == []


def test_a_dropped_connection_is_told_and_writes_nothing(
    command: Command, service: FakeService, tmp_path: Path
) -> None:
    service.streams(progress("denoising", step=5, total=20))
    service.parts.append(b'event: image_generation.completed\ndata: {"b64_json": "iVBOR')
    service.ending = "dropped"
    result = command("image", "a star", "-o", "star.png", "--url", service.url)
    assert result.exit_code == 1
    assert "broke" in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_ends_without_a_picture_is_told(command: Command, service: FakeService) -> None:
    service.streams(progress("denoising", step=5, total=20))
    result = command("image", "a star", "--url", service.url)
    assert result.exit_code == 1
    assert "before the picture was finished" in result.stderr


def test_bytes_that_are_not_the_ones_the_service_names_are_not_written(
    command: Command, service: FakeService, tmp_path: Path
) -> None:
    service.streams(completed(sha256="0" * 64))
    result = command("image", "a star", "-o", "star.png", "--url", service.url)
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"hello\n\n",
        b"event: image_generation.completed\ndata: {\n\n",
        b"event: gitex.progress\ndata: []\n\n",
        b"\xff\n\n",
    ],
)
def test_another_program_on_the_port_is_recognised(command: Command, service: FakeService, body: bytes) -> None:
    service.parts = [body]
    result = command("image", "a star", "--url", service.url)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_proxys_own_error_page_is_told_by_its_status(command: Command, service: FakeService) -> None:
    service.status, service.parts = 502, [b"<html>"]
    result = command("image", "a star", "--url", service.url)
    assert result.exit_code == 1
    assert "HTTP 502 Bad Gateway" in result.stderr


@pytest.mark.parametrize("output", ["missing/star.png", "."])
def test_an_output_that_cannot_be_written_is_refused_before_the_service_is_asked(
    command: Command, finished_picture: FakeService, output: str
) -> None:
    result = command("image", "a star", "-o", output, "--url", finished_picture.url)
    assert result.exit_code == 2
    assert finished_picture.asked == []


def test_ctrl_c_leaves_the_service_and_ends_with_130(service: FakeService, tmp_path: Path) -> None:
    service.streams(progress("denoising", step=1, total=20))
    service.ending = "hangs"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GITEX_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "serve_app.cli", "image", "a star", "-o", "star.png", "--url", service.url],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": os.pathsep.join((str(REPOSITORY), environ.get("PYTHONPATH", "")))},
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        assert service.sent.wait(60)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "cancelled"
    assert "Traceback" not in stderr
    assert service.client_left.wait(30)
    assert list(tmp_path.iterdir()) == []
