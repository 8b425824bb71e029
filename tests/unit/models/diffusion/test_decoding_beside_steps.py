"""Pictures are decoded while the next steps run, and none is lost whatever happens meanwhile."""

import asyncio

import pytest

from gitex.errors import EngineFailure, Unavailable
from gitex.events import Finished, Step
from gitex.ports import RunContext
from tests.unit.models.diffusion.gated_model import PATIENCE, GatedDenoiser
from tests.unit.models.diffusion.making import Case
from tests.unit.models.diffusion.tight_device import (
    LateAutoencoder,
    engine_of,
    error_of,
    events_of,
)


async def test_the_next_steps_run_while_a_picture_is_decoded() -> None:
    denoiser, autoencoder = GatedDenoiser(gated=True), LateAutoencoder()
    async with engine_of(denoiser, autoencoder) as engine:
        short = asyncio.ensure_future(events_of(engine, Case("a", steps=1)))
        await asyncio.sleep(0)  # it submits
        long = engine.generate(Case("bb", steps=9).spec(), RunContext("long"))
        await anext(long)
        denoiser.let(6)
        assert [await anext(long) for _ in range(3)] == [Step(index, 9) for index in (1, 2, 3)]
        assert await asyncio.to_thread(autoencoder.begun.wait, PATIENCE)
        assert not short.done()
        autoencoder.done.set()
        denoiser.let(1000)
        assert isinstance((await short)[-1], Finished)
        await long.aclose()


async def test_an_idle_engine_waits_for_the_decode_by_itself() -> None:
    denoiser, autoencoder = GatedDenoiser(), LateAutoencoder()
    async with engine_of(denoiser, autoencoder) as engine:
        task = asyncio.ensure_future(events_of(engine, Case("a", steps=1)))
        assert await asyncio.to_thread(autoencoder.begun.wait, PATIENCE)
        assert not task.done()
        autoencoder.done.set()
        assert isinstance((await task)[-1], Finished)


@pytest.mark.parametrize("busy", [False, True])
async def test_closing_while_decoding_still_delivers_the_picture(busy: bool) -> None:
    """Whether the loop just waits for the decode, or stands in another request's step."""
    denoiser, autoencoder = GatedDenoiser(gated=True), LateAutoencoder()
    async with engine_of(denoiser, autoencoder) as engine:
        task = asyncio.ensure_future(events_of(engine, Case("a", steps=1)))
        other = asyncio.ensure_future(error_of(engine, Case("bb", steps=9))) if busy else None
        await asyncio.sleep(0)
        await asyncio.to_thread(denoiser.wait_inside)
        denoiser.let()
        assert await asyncio.to_thread(autoencoder.begun.wait, PATIENCE)
        if other is not None:
            await asyncio.to_thread(denoiser.wait_inside)
        closing = asyncio.ensure_future(engine.close())
        await asyncio.sleep(0)
        if other is not None:
            assert type(await other) is Unavailable
        denoiser.let(1000)
        autoencoder.done.set()
        assert isinstance((await task)[-1], Finished)
        await closing


async def test_an_engine_that_breaks_fails_what_is_being_decoded() -> None:
    denoiser, autoencoder = GatedDenoiser(gated=True), LateAutoencoder()
    async with engine_of(denoiser, autoencoder) as engine:
        tasks = [asyncio.ensure_future(error_of(engine, Case("a", steps=steps))) for steps in (1, 3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(denoiser.wait_inside)
        denoiser.let()
        assert await asyncio.to_thread(autoencoder.begun.wait, PATIENCE)
        await asyncio.to_thread(denoiser.wait_inside)
        denoiser.errors.append(RuntimeError("device-side assert"))
        denoiser.let()
        assert [type(error) for error in await asyncio.gather(*tasks)] == [EngineFailure] * 2
