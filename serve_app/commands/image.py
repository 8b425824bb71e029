"""`gitex image`: ask for a picture, show progress, write it, say where it came from."""

import hashlib
import os
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from gitex.errors import EngineFailure, InvalidInput, Unavailable
from gitex.events import Queued, Step
from serve_app.commands.client import Picture, ServiceClient
from serve_app.commands.progress import progress_view
from storage.durable import write_durably

Events = Generator[Queued | Step | Picture, None, None]


@dataclass(frozen=True)
class ImageOptions:
    """What the caller said; `None` leaves a choice to the service. The names are those of the HTTP body."""

    prompt: str
    model: str | None
    size: str | None
    steps: int | None
    guidance_scale: float | None
    seed: int | None
    sampler: str | None
    negative_prompt: str | None
    strict: bool | None
    adapters: list[str] | None


@dataclass(frozen=True)
class PictureFiles:
    """Pictures to begin from, and how far to go from them."""

    image: Path
    mask: Path | None
    style_image: Path | None
    strength: float | None

    def read(self) -> dict[str, tuple[str, bytes]]:
        """Name and bytes by field of the form. Raises `InvalidInput` for a file that cannot be read."""
        named = {"image": self.image, "mask": self.mask, "style_image": self.style_image}
        return {field: (path.name, _contents(path, field)) for field, path in named.items() if path is not None}


def make_image(client: ServiceClient, options: ImageOptions, files: PictureFiles | None, output: Path | None) -> None:
    """Make the picture, write it to `output` and report on standard output.

    Raises `InvalidInput` if `output` cannot be written or a file not be read, before anything is asked of the service.
    """
    _check_writable(output)
    events = _ask(client, options, files)
    started = time.monotonic()
    picture = _receive(events)
    seconds = time.monotonic() - started
    sha256 = hashlib.sha256(picture.content).hexdigest()
    if sha256 != picture.provenance.sha256:
        raise EngineFailure("the picture arrived damaged: its SHA-256 is not the one that the service names")
    path = output or Path(f"gitex-{sha256[:12]}.png")
    try:
        write_durably(path, picture.content)
    except OSError as problem:
        raise Unavailable(f"{path} cannot be written: {problem.strerror}") from problem
    _report(path, picture, seconds)


def _check_writable(output: Path | None) -> None:
    folder = Path() if output is None else output.parent
    if not folder.is_dir():
        raise InvalidInput(f"there is no folder {folder}", param="output")
    if output is not None and output.is_dir():
        raise InvalidInput(f"{output} is a folder", param="output")
    if not os.access(folder, os.W_OK):
        raise InvalidInput(f"the folder {folder} cannot be written to", param="output")


def _contents(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"{path} cannot be read: {problem.strerror}", param=field) from problem


def _ask(client: ServiceClient, options: ImageOptions, files: PictureFiles | None) -> Events:
    body = {name: value for name, value in asdict(options).items() if value is not None}
    if files is None:
        return client.image(body)
    if files.strength is not None:
        body["strength"] = files.strength
    return client.edit(body, files.read())


def _receive(asked: Events) -> Picture:
    with progress_view(sys.stderr) as view, closing(asked) as events:
        for event in events:
            if isinstance(event, Picture):
                return event
            view.show(event)
    raise Unavailable("the service sent no picture")


def _report(path: Path, picture: Picture, seconds: float) -> None:
    provenance = picture.provenance
    cached = {"hit": "yes", "joined": "no (shared with an identical request)"}.get(provenance.cache, "no")
    typer.secho(str(path), bold=True)
    for name, value in (
        ("variant", provenance.variant),
        ("seed", provenance.seed),
        ("size", provenance.size),
        ("sha256", provenance.sha256),
        ("asset", provenance.asset_id),
        ("seconds", f"{seconds:.2f}"),
        ("cached", cached),
    ):
        typer.echo(f"{name:<8} {value}")
