"""Requests that have finished, failed or been cancelled are held by nobody."""

import asyncio
import gc
import logging
import time
from contextlib import suppress

import pytest

from gitex.events import Finished, ImageEvent
from gitex.metrics import CANCELLED
from models.diffusion.request import DiffusionRequest
from tests.unit.models.diffusion.gated_model import PATIENCE, GatedDenoiser
from tests.unit.models.diffusion.making import VARIANT, Case
from tests.unit.models.diffusion.tight_device import (
    BIG,
    Allocator,
    IdleRecorder,
    LateAutoencoder,
    TightAutoencoder,
    TightDenoiser,
    engine_of,
    error_of,
    events_of,
)


def live_requests() -> list[DiffusionRequest]:
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is DiffusionRequest]


async def wait_for_live_requests(count: int) -> None:
    """Another thread lets go of the last ones, a moment after it says that it is idle."""
    deadline = time.monotonic() + PATIENCE
    while len(live_requests()) != count:
        assert time.monotonic() < deadline, live_requests()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("end", ["finished", "prompt", "step", "decode", "picture safety"])
async def test_a_request_that_ended_leaves_nothing_behind(end: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)  # pytest would keep the records, and their frames the request
    allocator, recorder = Allocator(too_big=end), IdleRecorder()
    denoiser = TightDenoiser(gated=True, allocator=allocator)
    autoencoder = TightAutoencoder(allocator=allocator)
    case = Case("big", steps=2, width=BIG, height=BIG)
    before = len(live_requests())
    async with engine_of(denoiser, autoencoder, allocator=allocator, recorder=recorder) as engine:
        task: asyncio.Future[object]
        task = asyncio.ensure_future(events_of(engine, case) if end == "finished" else error_of(engine, case))
        await asyncio.sleep(0)
        recorder.idle.clear()
        assert len(live_requests()) == before + 1
        denoiser.let(1000)
        await task
        assert await asyncio.to_thread(recorder.idle.wait, PATIENCE)
        await wait_for_live_requests(before)


async def give_up(task: asyncio.Future[list[ImageEvent]]) -> None:
    """Cancel, and keep nothing of the error: its frames hold the request."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)  # the event loop holds the error for as long as this step of the test lasts


@pytest.mark.parametrize("when", ["waiting", "in flight", "decoding"])
async def test_a_cancelled_request_leaves_nothing_behind(when: str) -> None:
    denoiser, autoencoder, recorder = GatedDenoiser(gated=True), LateAutoencoder(), IdleRecorder()
    before = len(live_requests())
    async with engine_of(denoiser, autoencoder, recorder=recorder) as engine:
        others = 9 if when == "waiting" else 0
        tasks = [asyncio.ensure_future(events_of(engine, Case("other", steps=1))) for _ in range(others)]
        await asyncio.sleep(0)
        leaver = asyncio.ensure_future(events_of(engine, Case("leaver", steps=1)))
        await asyncio.sleep(0)
        recorder.idle.clear()
        await asyncio.to_thread(denoiser.wait_inside)
        if when == "decoding":
            denoiser.let()
            assert await asyncio.to_thread(autoencoder.begun.wait, PATIENCE)
        await give_up(leaver)
        del leaver
        if when == "waiting":
            await wait_for_live_requests(before + others)  # it is gone while the others' step is still in flight
        autoencoder.done.set()
        denoiser.let(1000)
        await asyncio.gather(*tasks)
        if when == "decoding":
            recorder.idle.clear()
            last = await events_of(engine, Case("last", steps=1))
            assert isinstance(last[-1], Finished)
        assert await asyncio.to_thread(recorder.idle.wait, PATIENCE)
        await wait_for_live_requests(before)
    assert recorder.counted(CANCELLED.name, variant=VARIANT.id) == 1
