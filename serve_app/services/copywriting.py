"""The use case of copy: a brief becomes title, tagline, description and hashtags."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from gitex.copywriting import CopyBrief, CopyText, brief_messages, parse_copy
from gitex.errors import EngineFailure
from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.ports import RunContext, TextModel
from gitex.specs import MAX_SEED, CopySpec

ATTEMPTS = 3
"""A small model sometimes breaks the form; the next seed mends it. After this many it is an error."""


@dataclass(frozen=True)
class Text:
    """A whole text and why it ended."""

    text: str
    finished: TextFinished


@dataclass(frozen=True)
class WrittenCopy:
    """Copy, and the very spec that made it."""

    copy: CopyText
    spec: CopySpec
    finished: TextFinished
    attempts: int


async def whole_text(events: AsyncGenerator[TextEvent, None]) -> Text:
    """Read a text engine's events to the end."""
    parts: list[str] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                parts.append(event.text)
            elif isinstance(event, TextFinished):
                return Text("".join(parts), event)
    raise EngineFailure("the engine ended without finishing the text")


async def write_copy(model: TextModel, brief: CopyBrief, seed: int, context: RunContext) -> WrittenCopy:
    """Ask `model` until its answer has all parts. Raises what the model raises, and `EngineFailure` at last."""
    limits = model.info.text
    if limits is None:
        raise EngineFailure(f"{model.info.variant.id} reports no text limits")
    for attempt in range(1, ATTEMPTS + 1):
        spec = CopySpec(
            variant=model.info.variant,
            messages=brief_messages(brief),
            max_tokens=limits.default_max_tokens,
            temperature=0.8,
            top_p=0.95,
            seed=(seed + attempt - 1) % (MAX_SEED + 1),
        )
        text = await whole_text(model.generate(spec, context))
        try:
            return WrittenCopy(parse_copy(text.text), spec, text.finished, attempt)
        except EngineFailure:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
