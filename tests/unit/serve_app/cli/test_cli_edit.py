"""`gitex image --from`: the edits call."""

from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.fakes.service import PNG, FakeService, completed, progress

Command = Callable[..., Result]


@pytest.fixture
def edited(service: FakeService) -> FakeService:
    """The service streams an edit."""
    service.streams(progress("denoising", step=1, total=1), ("image_edit.completed", completed()[1]))
    return service


def fields_of(request: tuple[str, dict[str, str], Any]) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and contents of a form's fields."""
    _, headers, body = request
    message = message_from_bytes(b"content-type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
    found = []
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")
        found.append((name, part.get_filename(), part.get_payload(decode=True)))
    return found


def test_an_edit_sends_its_files_and_writes_the_picture(command: Command, edited: FakeService, tmp_path: Path) -> None:
    for name in ("photo.jpg", "mask.png", "style.webp"):
        (tmp_path / name).write_bytes(name.encode())
    result = command(
        *("image", "a star", "-o", "star.png", "--from", "photo.jpg", "--mask", "mask.png", "--strength", "0.4"),
        *("--style-image", "style.webp", "--strict", "--adapter", "ink", "--adapter", "glow:0.5", "--seed", "7"),
        *("--url", edited.url),
    )
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "star.png").read_bytes() == PNG
    assert edited.asked[0][0] == "/v1/images/edits"
    assert sorted(fields_of(edited.asked[0])) == [
        ("adapters", None, b"glow:0.5"),
        ("adapters", None, b"ink"),
        ("image", "photo.jpg", b"photo.jpg"),
        ("mask", "mask.png", b"mask.png"),
        ("progress", None, b"true"),
        ("prompt", None, b"a star"),
        ("response_format", None, b"b64_json"),
        ("seed", None, b"7"),
        ("stream", None, b"true"),
        ("strength", None, b"0.4"),
        ("strict", None, b"true"),
        ("style_image", "style.webp", b"style.webp"),
    ]


def test_strict_and_adapters_work_without_a_picture(command: Command, finished_picture: FakeService) -> None:
    command("image", "a star", "--strict", "--adapter", "ink:0.5", "--url", finished_picture.url)
    path, _, body = finished_picture.asked[0]
    assert path == "/v1/images/generations"
    assert (body["strict"], body["adapters"]) == (True, ["ink:0.5"])


@pytest.mark.parametrize("option", [("--mask", "m.png"), ("--strength", "0.5"), ("--style-image", "s.png")])
def test_what_belongs_to_a_picture_needs_one(command: Command, edited: FakeService, option: tuple[str, str]) -> None:
    result = command("image", "a star", *option, "--url", edited.url)
    assert (result.exit_code, "--from" in result.stderr) == (2, True)
    assert edited.asked == []


@pytest.mark.parametrize("path", ["missing.png", "."])
def test_a_file_that_cannot_be_read_is_told_before_the_service_is_asked(
    command: Command, edited: FakeService, path: str
) -> None:
    result = command("image", "a star", "--from", path, "--url", edited.url)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {path} cannot be read: ")
    assert edited.asked == []
