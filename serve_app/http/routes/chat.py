"""`POST /v1/chat/completions`."""

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.specs import CopySpec
from serve_app.http import sse
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.schemas.chat import ChatRequest
from serve_app.http.schemas.completion import (
    AssistantMessage,
    ChatResponse,
    Choice,
    ChoiceLogprobs,
    TextProvenance,
    Usage,
)
from serve_app.http.schemas.errors import documented
from serve_app.services.deadline import until
from serve_app.services.texts import Text, merged, whole_texts

router = APIRouter(tags=["text"])
Numbered = AsyncGenerator[tuple[int, TextEvent], None]


@router.post(
    "/v1/chat/completions",
    response_model=ChatResponse,
    responses={
        200: {"content": {sse.MEDIA_TYPE: {"schema": sse.EVENT_SCHEMA}}},
        **documented(400, 404, 415, 429, 503, 504),
    },
)
async def complete_chat(
    body: ChatRequest, services: ServicesDep, settings: SettingsDep, context: ContextDep
) -> ChatResponse | Response:
    """Continue a conversation, as OpenAI's call of that name does."""
    model = services.models.text(body.model)
    specs = body.specs(model.info, settings)
    context = replace(context, tenant=body.user or "anonymous")
    events: Numbered = merged([model.generate(spec, context) for spec in specs])
    if context.deadline is not None:
        events = until(context.deadline, events)
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        return await sse.answer(_chunks(events, specs, with_usage=with_usage), names_errors=False)
    texts = await whole_texts(events, len(specs))
    return ChatResponse(
        id=_new_id(),
        created=int(time.time()),
        model=specs[0].variant.id,
        choices=[_choice(i, text, spec) for i, (text, spec) in enumerate(zip(texts, specs, strict=True))],
        usage=Usage.of([text.finished for text in texts]),
        gitex=provenance_of(specs[0]),
    )


def provenance_of(spec: CopySpec) -> TextProvenance:
    """Where a text came from."""
    return TextProvenance(variant=spec.variant.id, weights_digest=spec.variant.weights_digest, seed=spec.seed)


def _choice(index: int, text: Text, spec: CopySpec) -> Choice:
    return Choice(
        index=index,
        message=AssistantMessage(content=text.text),
        finish_reason=text.finished.reason,
        logprobs=None if spec.top_logprobs is None else ChoiceLogprobs.of(text.logprobs),
    )


async def _chunks(events: Numbered, specs: Sequence[CopySpec], *, with_usage: bool) -> AsyncGenerator[str, None]:
    """OpenAI's chunks: a role an answer, the texts as they come, finish reasons, the usage if asked for, `[DONE]`."""
    base: dict[str, Any] = {
        "id": _new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": specs[0].variant.id,
    }

    def chunk(index: int, delta: dict[str, str], **more: Any) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **more}
        return {**base, "choices": [choice], **({"usage": None} if with_usage else {})}

    started: set[int] = set()
    ends: list[TextFinished] = []
    async with aclosing(events):
        async for index, event in events:
            if index not in started:
                # Only now is it known that the request was accepted and will not be answered with a plain error.
                yield sse.frame(chunk(index, {"role": "assistant", "content": ""}))
                started.add(index)
            if isinstance(event, TextDelta) and (event.text or event.logprobs):
                logprobs = ChoiceLogprobs.of(event.logprobs).model_dump() if event.logprobs else None
                yield sse.frame(chunk(index, {"content": event.text}, logprobs=logprobs))
            elif isinstance(event, TextFinished):
                last = chunk(index, {}, finish_reason=event.reason)
                yield sse.frame({**last, "gitex": provenance_of(specs[index]).model_dump()})
                ends.append(event)
    if with_usage and ends:
        yield sse.frame({**base, "choices": [], "usage": Usage.of(ends).model_dump()})
    yield sse.frame("[DONE]")


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"
