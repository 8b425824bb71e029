"""`POST /v1/chat/completions`."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.specs import CopySpec
from serve_app.http import sse
from serve_app.http.dependencies import ContextDep, ServicesDep, SettingsDep
from serve_app.http.schemas.chat import AssistantMessage, ChatRequest, ChatResponse, Choice, TextProvenance, Usage
from serve_app.http.schemas.errors import documented
from serve_app.services.copywriting import whole_text
from serve_app.services.deadline import until

router = APIRouter(tags=["text"])


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
    spec = body.spec(model.info, settings)
    context = replace(context, tenant=body.user or "anonymous")
    events = model.generate(spec, context)
    if context.deadline is not None:
        events = until(context.deadline, events)
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        return await sse.answer(_chunks(events, spec, with_usage=with_usage), names_errors=False)
    text = await whole_text(events)
    return ChatResponse(
        id=_new_id(),
        created=int(time.time()),
        model=spec.variant.id,
        choices=[Choice(message=AssistantMessage(content=text.text), finish_reason=text.finished.reason)],
        usage=usage_of(text.finished),
        gitex=provenance_of(spec),
    )


def usage_of(finished: TextFinished) -> Usage:
    """Token counts of a finished text."""
    prompt, completion = finished.prompt_tokens, finished.completion_tokens
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def provenance_of(spec: CopySpec) -> TextProvenance:
    """Where a text came from."""
    return TextProvenance(variant=spec.variant.id, weights_digest=spec.variant.weights_digest, seed=spec.seed)


async def _chunks(
    events: AsyncGenerator[TextEvent, None], spec: CopySpec, *, with_usage: bool
) -> AsyncGenerator[str, None]:
    """OpenAI's chunks: a role, the text as it comes, a finish reason, the usage if asked for, `[DONE]`."""
    base: dict[str, Any] = {
        "id": _new_id(),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": spec.variant.id,
    }

    def chunk(delta: dict[str, str], reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return sse.frame({**base, "choices": [choice], **more})

    started = False
    async with aclosing(events):
        async for event in events:
            if not started:
                # Only now is it known that the request was accepted and will not be answered with a plain error.
                yield chunk({"role": "assistant", "content": ""})
                started = True
            if isinstance(event, TextDelta) and event.text:
                yield chunk({"content": event.text})
            elif isinstance(event, TextFinished):
                yield chunk({}, event.reason, gitex=provenance_of(spec).model_dump())
                if with_usage:
                    yield sse.frame({**base, "choices": [], "usage": usage_of(event).model_dump()})
    yield sse.frame("[DONE]")


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"
