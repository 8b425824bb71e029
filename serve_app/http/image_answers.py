"""From specs to the answer of a call for pictures: a JSON body, one bare picture, or a stream of events."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import Response

from gitex.errors import EngineFailure, InvalidInput
from gitex.events import Queued, Step
from gitex.ports import ImageModel, RunContext
from gitex.specs import ImageSpec
from serve_app.http import sse
from serve_app.http.routes.assets import content_url
from serve_app.http.schemas.image_fields import ImageFields
from serve_app.http.schemas.images import ImageData, ImageResponse
from serve_app.http.schemas.provenance import Provenance
from serve_app.services.deadline import until
from serve_app.services.generation import Generated, Generation, GenerationEvent

_BARE = ("image/png", "image/webp")
Form = Literal["json", "bare", "events"]


def form_of(request: Request, fields: ImageFields) -> Form:
    """The form in which the caller wants the answer. Raises `InvalidInput` if that cannot carry it."""
    bare = _prefers_bare(request.headers.get("accept", ""))
    if bare and (fields.n > 1 or fields.stream):
        raise InvalidInput("n: Accept: image/png answers one picture, unstreamed", param="n")
    if fields.stream:
        return "events"
    return "bare" if bare else "json"


@dataclass(frozen=True)
class PictureRun:
    """What is to be run, for whom, and how it is answered."""

    model: ImageModel
    specs: list[ImageSpec]
    context: RunContext
    form: Form
    events_named: Literal["image_generation", "image_edit"] = "image_generation"
    """What OpenAI calls the events of a stream."""
    told: Callable[[Generated], None] | None = None
    """Hears of each picture as it is finished."""

    async def answer(self, generation: Generation, request: Request, fields: ImageFields) -> ImageResponse | Response:
        """Run it. `Cache-Control: no-cache` makes the pictures anew."""
        read_cache = "no-cache" not in request.headers.get("cache-control", "").lower()
        runs = [self._events(generation, spec, read_cache) for spec in self.specs]
        if self.form == "events":
            frames = _frames(runs[0], self.specs[0], self.events_named, progress=fields.progress)
            return await sse.answer(frames, names_errors=True)
        pictures = await _all_finished(runs)
        if self.form == "bare":
            return _bare(pictures[0])
        return ImageResponse(
            created=int(time.time()),
            size=_size(self.specs[0]),
            output_format=_format(pictures[0]),
            data=[_image_data(picture, fields, request) for picture in pictures],
        )

    def _events(
        self, generation: Generation, spec: ImageSpec, read_cache: bool
    ) -> AsyncGenerator[GenerationEvent, None]:
        events = generation.run(self.model, spec, self.context, read_cache=read_cache)
        if self.told is not None:
            events = _telling(self.told, events)
        return events if self.context.deadline is None else until(self.context.deadline, events)


async def _telling(
    told: Callable[[Generated], None], events: AsyncGenerator[GenerationEvent, None]
) -> AsyncGenerator[GenerationEvent, None]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Generated):
                told(event)
            yield event


async def _all_finished(runs: list[AsyncGenerator[GenerationEvent, None]]) -> list[Generated]:
    """Run all at once; the first failure cancels the others."""
    tasks = [asyncio.create_task(_finished(run)) for run in runs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _finished(run: AsyncGenerator[GenerationEvent, None]) -> Generated:
    async with aclosing(run):
        async for event in run:
            if isinstance(event, Generated):
                return event
    raise EngineFailure("the run ended without a picture")


async def _frames(
    events: AsyncGenerator[GenerationEvent, None], spec: ImageSpec, named: str, *, progress: bool
) -> AsyncGenerator[str, None]:
    """OpenAI's image stream: previews, then the picture; with `progress`, every step in between."""
    previews = 0
    async with aclosing(events):
        async for event in events:
            match event:
                case Queued(ahead=ahead):
                    if progress:
                        yield _progress({"stage": "queued", "ahead": ahead})
                case Step(index=index, total=total, preview=preview):
                    if progress:
                        yield _progress({"stage": "denoising", "step": index, "total": total})
                    if preview is not None:
                        more: dict[str, Any] = {"output_format": "png", "partial_image_index": previews}
                        yield _picture(f"{named}.partial_image", preview, spec, more)
                        previews += 1
                case Generated():
                    provenance = Provenance.of_generated(event).model_dump(exclude_none=True)
                    more = {"output_format": _format(event), "gitex": provenance}
                    yield _picture(f"{named}.completed", event.content, spec, more)


def _picture(kind: str, content: bytes, spec: ImageSpec, more: dict[str, Any]) -> str:
    return sse.frame(
        {
            "type": kind,
            "b64_json": base64.b64encode(content).decode(),
            "created_at": int(time.time()),
            "size": _size(spec),
            "quality": "auto",
            "background": "opaque",
            **more,
        },
        kind,
    )


def _progress(fields: dict[str, str | int]) -> str:
    return sse.frame({"type": "gitex.progress", **fields}, "gitex.progress")


def _image_data(picture: Generated, fields: ImageFields, request: Request) -> ImageData:
    provenance = Provenance.of_generated(picture)
    if fields.response_format == "url":
        return ImageData(url=content_url(request, picture.asset.id), gitex=provenance)
    return ImageData(b64_json=base64.b64encode(picture.content).decode(), gitex=provenance)


def _bare(picture: Generated) -> Response:
    provenance = Provenance.of_generated(picture).model_dump(exclude_none=True)
    # json.dumps keeps to ASCII, which is all a header can carry.
    headers = {"x-gitex-provenance": json.dumps(provenance, separators=(",", ":")), "cache-control": "no-store"}
    return Response(picture.content, media_type=picture.asset.media_type, headers=headers)


def _size(spec: ImageSpec) -> str:
    return f"{spec.width}x{spec.height}"


def _format(picture: Generated) -> Literal["png", "webp"]:
    return "webp" if picture.asset.media_type == "image/webp" else "png"


def _prefers_bare(accept: str) -> bool:
    """Whether a picture's type is named before anything that JSON satisfies."""
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type in _BARE:
            return True
        if media_type in ("application/json", "*/*"):
            return False
    return False
