"""The engine on a device whose allocator fails, at every stage, once or for good."""

import asyncio

import pytest

from gitex.errors import ContentRefused, OutOfMemory
from gitex.events import Finished, Step
from tests.unit.models.diffusion.making import Case, pixels_of, smooth_picture
from tests.unit.models.diffusion.tight_device import (
    BIG,
    FILLER,
    Allocator,
    TightAutoencoder,
    TightDenoiser,
    engine_of,
    error_of,
    events_of,
)

STAGES = ("prompt safety", "prompt", "picture", "step", "solve", "preview", "decode", "picture safety")

FOUR = (
    Case("a", steps=5, sampler="euler_ancestral", seed=1),
    Case("bb", steps=5, sampler="euler_ancestral", seed=2, guidance=3.0, negative="nnnn"),
    Case("ccc", steps=8, sampler="dpmpp_2m", seed=3, image=smooth_picture(3), strength=0.7),
    Case("dddd", steps=5, sampler="ddim", seed=4, style=smooth_picture(4)),
)


async def pictures_of_four(allocator: Allocator) -> list[list[int]]:
    """Run FOUR together from their first step, and a fifth when they are done."""
    denoiser = TightDenoiser(gated=True, allocator=allocator)
    async with engine_of(denoiser, TightAutoencoder(allocator=allocator), allocator=allocator) as engine:
        filler = asyncio.ensure_future(events_of(engine, Case("filler", steps=1, width=FILLER, height=FILLER)))
        await asyncio.to_thread(denoiser.wait_inside)
        tasks = [filler, *(asyncio.ensure_future(events_of(engine, case, previews=1)) for case in FOUR)]
        await asyncio.sleep(0)  # all of them submit
        denoiser.let(1000)
        ends = [events[-1] for events in await asyncio.gather(*tasks)]
        ends.append((await events_of(engine, Case("eeeee", steps=2)))[-1])
        engine.check()
    assert all(isinstance(end, Finished) for end in ends)
    return [pixels_of(end.output.content).ravel().tolist() for end in ends if isinstance(end, Finished)]


FEWEST = {"picture": 2, "decode": 2}
"""Allocations of the stages that have fewer than four."""


@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize("stage", STAGES)
async def test_one_failed_allocation_changes_no_picture(stage: str, nth: int) -> None:
    tight = Allocator({stage: {min(nth, FEWEST.get(stage, nth))}})
    assert await pictures_of_four(tight) == await pictures_of_four(Allocator())
    assert tight.failures == 1


async def test_a_step_that_fails_down_to_single_requests_changes_no_picture() -> None:
    """Four fail together, then one half, and after its two singles the other half."""
    tight = Allocator({"step": {1, 2, 5}})
    assert await pictures_of_four(tight) == await pictures_of_four(Allocator())
    assert tight.failures == 3


ALONE = [stage for stage in STAGES if stage != "preview"]


@pytest.mark.parametrize("stage", ALONE)
async def test_what_does_not_fit_alone_fails_alone(stage: str) -> None:
    allocator = Allocator(too_big=stage)
    denoiser = TightDenoiser(gated=True, allocator=allocator)
    image = smooth_picture(1, BIG, BIG) if stage == "picture" else None
    big = Case("big", steps=4, width=BIG, height=BIG, image=image)
    async with engine_of(denoiser, TightAutoencoder(allocator=allocator), allocator=allocator) as engine:
        good = [asyncio.ensure_future(events_of(engine, case)) for case in FOUR]
        bad = asyncio.ensure_future(error_of(engine, big))
        await asyncio.sleep(0)
        denoiser.let(1000)
        assert type(await bad) is OutOfMemory
        assert all(isinstance(events[-1], Finished) for events in await asyncio.gather(*good))
        assert isinstance((await events_of(engine, Case(steps=2)))[-1], Finished)
        engine.check()


@pytest.mark.parametrize("stage", ["prompt safety", "prompt"])
async def test_a_second_try_does_not_get_around_the_checker(stage: str) -> None:
    allocator = Allocator({stage: {1}})
    denoiser = TightDenoiser(allocator=allocator)
    async with engine_of(denoiser, TightAutoencoder(allocator=allocator), allocator=allocator) as engine:
        assert type(await error_of(engine, Case("ugly"))) is ContentRefused
    assert denoiser.passes == []


async def test_a_preview_that_does_not_fit_is_left_out() -> None:
    allocator = Allocator(too_big="preview")
    denoiser = TightDenoiser(allocator=allocator)
    async with engine_of(denoiser, TightAutoencoder(allocator=allocator)) as engine:
        events = await events_of(engine, Case("big", steps=5, width=BIG, height=BIG), previews=1)
    assert [event.preview for event in events if isinstance(event, Step)] == [None] * 5
    assert isinstance(events[-1], Finished)
    assert allocator.failures == 1
