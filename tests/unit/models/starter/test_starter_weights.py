"""The weights that ship: they load through the catalog and do what they were trained for."""

import asyncio
import io

import numpy as np
import torch
from PIL import Image

from configs.catalog import ModelEntry, load_catalog
from gitex.copywriting import TONES, CopyBrief, brief_messages, parse_copy
from gitex.events import TextDelta, TextEvent, TextFinished
from gitex.ports import RunContext, TextEngine
from gitex.specs import CopySpec, GanSettings, ImageSpec, Message
from models.gan.load import load_gan_engine
from models.starter.emblems import SHAPES, STYLES, Emblem, render
from models.starter.gan import LABELS, LATENT, SIDE, emblem_of
from models.text.load import load_text_engine
from tests.unit.models.gan.tiny_gan import FakeClock as GanClock
from tests.unit.models.gan.tiny_gan import FakeRecorder as GanRecorder
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


def test_starter_gan_draws_what_label_and_seed_stand_for() -> None:
    engine = load_gan_engine(_entry("starter-gan"), GanRecorder(), GanClock())
    labels = LABELS[:: len(LABELS) // 20][:20]
    specs = [ImageSpec(engine.info.variant, f"a {x}", SIDE, SIDE, i, GanSettings()) for i, x in enumerate(labels)]
    right = 0
    for spec, label, output in zip(specs, labels, engine.run_batch(specs), strict=True):
        latent = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(spec.seed))[0].tolist()
        pixels = np.asarray(Image.open(io.BytesIO(output.content)), np.float32)
        colour = label.split()[0]
        distance = {
            shape: np.abs(pixels - render(emblem_of(f"{colour} {shape}", latent), SIDE)).mean() for shape in SHAPES
        }
        right += min(distance, key=lambda shape: distance[shape]) == label.split()[1]
    assert right >= 17
