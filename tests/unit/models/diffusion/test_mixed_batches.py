"""Whoever shares the steps with a request, its picture is the one that it gets alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitex.events import Finished, Queued, Step
from models.diffusion.engine import DiffusionEngine
from models.diffusion.load import load_diffusion_engine
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case, left_half_mask, pixels_of, smooth_picture
from tests.unit.models.diffusion.test_parity import RealClock, entry_of

PICTURE, STYLE, MASK = smooth_picture(1), smooth_picture(2), left_half_mask()
SAMPLERS = ("ddim", "euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_karras")
STARTS = {
    "text": {},
    "image": {"image": PICTURE},
    "mask": {"image": PICTURE, "mask": MASK},
    "style": {"style": STYLE, "style_weight": 0.7},
    "image and style": {"image": PICTURE, "style": STYLE},
}


class Visit(NamedTuple):
    """One request and how it behaves."""

    case: Case
    arrives: int
    """After so many steps of the first request."""
    leaves: bool
    """After its own first step."""


cases = st.builds(
    lambda start, **fields: Case(**fields, **STARTS[start]),
    start=st.sampled_from(sorted(STARTS)),
    prompt=st.sampled_from(["a red circle", "a blue background", ""]),
    steps=st.integers(2, 7),
    guidance=st.sampled_from([1.0, 3.0, 7.5]),
    sampler=st.sampled_from(SAMPLERS),
    seed=st.integers(0, 2**64 - 1),
    negative=st.sampled_from(["", "red"]),
    strength=st.sampled_from([0.5, 0.75, 1.0]),
)
visits = st.lists(st.builds(Visit, cases, st.integers(0, 5), st.booleans()), min_size=2, max_size=6)


@pytest.fixture(scope="module")
def engine(kl_folder: Path) -> Iterator[DiffusionEngine]:
    engine = load_diffusion_engine(entry_of(kl_folder), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


async def alone(engine: DiffusionEngine, case: Case) -> bytes:
    case.variant = engine.info.variant
    async for event in engine.generate(case.spec(), case.context()):
        if isinstance(event, Finished):
            return event.output.content
    raise AssertionError("no picture came")


async def together(engine: DiffusionEngine, guests: list[Visit], *, host_steps: int = 8) -> list[bytes | None]:
    """All of them beside a host that is there all the time and whose steps are the clock; None for who left."""
    doors = [asyncio.Event() for _ in range(host_steps + 1)]
    host = Case(steps=host_steps, variant=engine.info.variant, strict=guests[0].case.strict)

    async def run_host() -> None:
        async for event in engine.generate(host.spec(), host.context("host")):
            if isinstance(event, Step):
                doors[event.index].set()
        for door in doors:
            door.set()

    async def visit(number: int, guest: Visit) -> bytes | None:
        await doors[guest.arrives].wait()
        guest.case.variant = engine.info.variant
        context = guest.case.context(str(number), tenant=f"t{number % 3}", previews=number % 2)
        events = engine.generate(guest.case.spec(), context)
        try:
            async for event in events:
                if guest.leaves and not isinstance(event, Queued):
                    return None
                if isinstance(event, Finished):
                    return event.output.content
        finally:
            await events.aclose()
        raise AssertionError("no picture came")

    doors[0].set()
    pictures = asyncio.gather(*(visit(number, guest) for number, guest in enumerate(guests)))
    await run_host()
    return await pictures


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(guests=visits)
def test_every_survivor_equals_its_solo_result(engine: DiffusionEngine, guests: list[Visit]) -> None:
    async def compare() -> None:
        for guest, picture in zip(guests, await together(engine, guests), strict=True):
            if picture is not None:
                difference = np.abs(pixels_of(picture) - pixels_of(await alone(engine, guest.case)))
                assert difference.max() <= 1, guest

    asyncio.run(compare())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(guests=visits)
def test_in_strict_mode_byte_for_byte(engine: DiffusionEngine, guests: list[Visit]) -> None:
    async def compare() -> None:
        for guest in guests:
            guest.case.strict = True
        for guest, picture in zip(guests, await together(engine, guests), strict=True):
            assert picture is None or picture == await alone(engine, guest.case), guest

    asyncio.run(compare())


async def test_sixteen_mixed_requests_each_equal_their_solo_result(engine: DiffusionEngine) -> None:
    starts = [STARTS[name] for name in sorted(STARTS)]
    guests = [
        Visit(
            Case(
                prompt=("a red circle", "a blue background", "circle")[i % 3],
                steps=2 + i % 5,
                guidance=(1.0, 4.0, 7.5)[i % 3],
                sampler=SAMPLERS[i % 5],
                seed=i,
                negative=("", "red")[i % 2],
                **starts[i % 4 if i % 4 != 3 else 4],
            ),
            arrives=i // 4,
            leaves=i in (5, 10),
        )
        for i in range(16)
    ]
    pictures = await together(engine, guests)
    assert [i for i, picture in enumerate(pictures) if picture is None] == [5, 10]
    for guest, picture in zip(guests, pictures, strict=True):
        if picture is not None:
            assert np.abs(pixels_of(picture) - pixels_of(await alone(engine, guest.case))).max() <= 1
