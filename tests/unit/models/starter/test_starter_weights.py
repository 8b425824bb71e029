"""The weights that ship: they load through the catalog and do what they were trained for."""

import asyncio

from configs.catalog import ModelEntry, load_catalog
from gitex.copywriting import TONES, CopyBrief, brief_messages, parse_copy
from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.ports import RunContext, TextEngine
from gitex.specs import CopySpec, Message
from models.starter.emblems import SHAPES, STYLES, Emblem
from models.text.load import load_text_engine
from tests.unit.models.text.tiny_text import FakeClock, FakeRecorder

COLOURS = ("red", "yellow", "purple", "teal", "black")


def _entry(name: str) -> ModelEntry:
    entry = load_catalog().entry(name)
    return entry.model_copy(update={"engine": entry.engine.model_copy(update={"device": "cpu", "threads": 1})})


async def _write(engine: TextEngine, messages: tuple[Message, ...]) -> tuple[str, TextFinished]:
    assert engine.info.text is not None
    spec = CopySpec(engine.info.variant, messages, engine.info.text.default_max_tokens, temperature=0.0)
    events: list[TextEvent] = [event async for event in engine.generate(spec, RunContext("r"))]
    finished = events[-1]
    assert isinstance(finished, TextFinished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), finished


async def test_starter_copy_writes_copy_for_emblems_and_ends_by_itself() -> None:
    engine = load_text_engine(_entry("starter-copy"), FakeRecorder(), FakeClock())
    try:
        emblems = [Emblem(SHAPES[i], COLOURS[i], "blue", STYLES[i]) for i in range(5)]
        briefs = [CopyBrief(e.caption(), ("night",), tone) for e, tone in zip(emblems, TONES, strict=True)]
        answers = await asyncio.gather(*(_write(engine, brief_messages(brief)) for brief in briefs))
        for emblem, (text, finished) in zip(emblems, answers, strict=True):
            copy = parse_copy(text)
            assert finished.reason == "stop"
            assert f"{emblem.colour} {emblem.shape} on a blue background" in copy.description.lower()
            assert f"#{emblem.shape}" in copy.hashtags
        assert len({parse_copy(text).tagline for text, _ in answers}) == 5
        chat, _ = await _write(engine, (Message("user", "Hello"),))
        assert "picture" in chat
    finally:
        await engine.close()
