"""The engine's promises, with a model whose steps the test controls."""

import asyncio
import itertools
import math
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import torch

from gitex.errors import (
    DeadlineExceeded,
    EngineFailure,
    GitexError,
    InvalidInput,
    OutOfMemory,
    Overloaded,
    Unavailable,
)
from gitex.events import Finished, ImageEvent, Queued, Step
from gitex.metrics import ACTIVE, BATCH_SIZE, CANCELLED, IMAGES, STAGE_SECONDS, WAITING
from gitex.ports import RunContext
from gitex.specs import GanSettings
from models.diffusion.engine import DiffusionEngine, EngineSettings
from models.diffusion.safety import EverythingAllowed
from models.diffusion.samplers.build import build_samplers
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.gated_model import GatedDenoiser, PlainAutoencoder
from tests.unit.models.diffusion.making import INFO, VARIANT, Case, HandClock, pixels_of

SAMPLERS = build_samplers({"beta_start": 0.001, "beta_end": 0.02})


@asynccontextmanager
async def engine_of(
    denoiser: GatedDenoiser,
    *,
    autoencoder: PlainAutoencoder | None = None,
    clock: HandClock | None = None,
    recorder: MemoryRecorder | None = None,
    max_batch: int = 4,
    max_waiting: int = 8,
) -> AsyncIterator[DiffusionEngine]:
    clock = clock or HandClock()
    engine = DiffusionEngine(
        info=INFO,
        denoiser=denoiser,
        autoencoder=autoencoder or PlainAutoencoder(),
        samplers=SAMPLERS,
        safety=EverythingAllowed(),
        settings=EngineSettings(max_batch, max_waiting, stall_seconds=60),
        recorder=recorder or MemoryRecorder(),
        clock=clock,
        unix_now=lambda: clock.seconds + 1e9,
    )
    try:
        yield engine
    finally:
        denoiser.let(1000)
        await engine.close()


async def events_of(engine: DiffusionEngine, case: Case, context: RunContext | None = None) -> list[ImageEvent]:
    return [event async for event in engine.generate(case.spec(), context or RunContext("r"))]


async def error_of(engine: DiffusionEngine, case: Case) -> GitexError:
    with pytest.raises(GitexError) as caught:
        await events_of(engine, case)
    return caught.value


async def test_events_come_in_order() -> None:
    async with engine_of(GatedDenoiser()) as engine:
        events = await events_of(engine, Case(steps=3, width=24))
    assert events[:-1] == [Queued(0), Step(1, 3), Step(2, 3), Step(3, 3)]
    assert isinstance(events[-1], Finished)
    output = events[-1].output
    assert (output.width, output.height, output.media_type) == (24, 32, "image/png")
    assert pixels_of(output.content).shape == (32, 24, 3)


async def test_a_request_joins_before_the_next_step_whatever_its_guidance_and_sampler() -> None:
    denoiser = GatedDenoiser(gated=True)
    async with engine_of(denoiser) as engine:
        first = asyncio.ensure_future(events_of(engine, Case("a", steps=3)))
        await asyncio.to_thread(denoiser.wait_inside)
        others = [Case("bb", 2, 3.0, "euler", negative="nnnn"), Case("ccc", 2, 1.0, "euler")]
        tasks = [asyncio.ensure_future(events_of(engine, case)) for case in others]
        await asyncio.sleep(0)  # they submit
        denoiser.let(10)
        await asyncio.gather(first, *tasks)
    # The guided request comes first, its negative prompt (of length 4) last.
    assert [(rows[0], sorted(rows[1:-1]), rows[-1]) for rows in denoiser.passes[1:]] == [(2, [1, 3], 4)] * 2
    assert denoiser.passes[0] == [1]


async def test_closing_the_generator_frees_the_slot_within_one_step() -> None:
    denoiser, recorder = GatedDenoiser(gated=True), MemoryRecorder()
    async with engine_of(denoiser, recorder=recorder, max_batch=1) as engine:
        leaver = engine.generate(Case("a", steps=40).spec(), RunContext("leaver"))
        await anext(leaver)
        heir = asyncio.ensure_future(events_of(engine, Case("bb", steps=1)))
        await asyncio.to_thread(denoiser.wait_inside)
        denoiser.let()
        assert await anext(leaver) == Step(1, 40)
        await asyncio.to_thread(denoiser.wait_inside)  # its second step is in flight
        await leaver.aclose()
        denoiser.let(2)
        assert isinstance((await heir)[-1], Finished)
    assert denoiser.passes == [[1], [1], [2]]
    assert recorder.counted(CANCELLED.name, variant=VARIANT.id) == 1


async def test_cancelling_the_task_of_a_waiting_request_frees_its_place() -> None:
    denoiser = GatedDenoiser(gated=True)
    async with engine_of(denoiser, max_batch=1, max_waiting=1) as engine:
        running = asyncio.ensure_future(events_of(engine, Case("a", steps=1)))
        waiting = asyncio.ensure_future(events_of(engine, Case("bb")))
        await asyncio.sleep(0)
        assert isinstance(await error_of(engine, Case("ccc")), Overloaded)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        place = asyncio.ensure_future(events_of(engine, Case("dddd", steps=1)))
        denoiser.let(10)
        await asyncio.gather(running, place)
    assert denoiser.passes == [[1], [4]]


async def test_a_full_queue_refuses_with_a_time() -> None:
    denoiser = GatedDenoiser(gated=True)
    async with engine_of(denoiser, max_batch=1, max_waiting=2) as engine:
        tasks = [asyncio.ensure_future(events_of(engine, Case(steps=1))) for _ in range(3)]
        await asyncio.sleep(0)
        error = await error_of(engine, Case())
        assert isinstance(error, Overloaded)
        assert error.retry_after >= 1
        denoiser.let(10)
        finished = await asyncio.gather(*tasks)
    assert [events[0] for events in finished] == [Queued(0), Queued(0), Queued(1)]


@pytest.mark.parametrize("which", ["running", "waiting"])
async def test_a_deadline_ends_a_request(which: str) -> None:
    denoiser, clock = GatedDenoiser(gated=True), HandClock()
    async with engine_of(denoiser, clock=clock, max_batch=1) as engine:
        late = RunContext("late", deadline=clock.seconds + 1e9 + 5)
        usual = RunContext("usual")
        contexts = (late, usual) if which == "running" else (usual, late)
        tasks = [asyncio.ensure_future(events_of(engine, Case(steps=2), context)) for context in contexts]
        await asyncio.to_thread(denoiser.wait_inside)
        clock.seconds += 6
        denoiser.let(10)
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[contexts.index(late)], DeadlineExceeded)
    assert isinstance(results[contexts.index(usual)], list)


async def test_a_broken_forward_pass_ends_the_engine_for_everybody() -> None:
    denoiser = GatedDenoiser(gated=True, errors=[RuntimeError("device-side assert")])
    async with engine_of(denoiser, max_batch=1) as engine:
        engine.check()
        tasks = [asyncio.ensure_future(error_of(engine, Case())) for _ in range(3)]
        await asyncio.sleep(0)
        denoiser.let()
        errors = await asyncio.gather(*tasks)
        assert [type(error) for error in errors] == [EngineFailure] * 3
        assert len({id(error) for error in errors}) == 3
        with pytest.raises(EngineFailure, match="device-side assert"):
            engine.check()
        assert isinstance(await error_of(engine, Case()), EngineFailure)


@pytest.mark.parametrize("bad", [Case("unencodable"), Case(width=40, height=40)], ids=["encode", "decode"])
async def test_an_error_in_its_own_stage_fails_one_request_only(bad: Case) -> None:
    denoiser = GatedDenoiser(gated=True)
    async with engine_of(denoiser, autoencoder=PlainAutoencoder(broken_side=40), max_batch=4) as engine:
        good = asyncio.ensure_future(events_of(engine, Case("a", steps=6)))
        failed = asyncio.ensure_future(error_of(engine, replace(bad, steps=2)))
        await asyncio.sleep(0)
        denoiser.let(20)
        assert type(await failed) is EngineFailure
        assert isinstance((await good)[-1], Finished)
        engine.check()


async def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    denoiser, recorder = GatedDenoiser(gated=True, memory=2), MemoryRecorder()
    async with engine_of(denoiser, recorder=recorder, max_batch=4) as engine:
        tasks = [asyncio.ensure_future(events_of(engine, Case("a" * n, steps=3))) for n in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        denoiser.let(100)
        finished = await asyncio.gather(*tasks)
    assert all([type(event) for event in events] == [Queued, Step, Step, Step, Finished] for events in finished)
    assert all(len(rows) <= 2 for rows in denoiser.passes)
    assert denoiser.refused == 1  # it is remembered
    assert max(recorder.values[BATCH_SIZE.name]) == 2


async def test_a_request_that_does_not_fit_alone_fails_alone() -> None:
    denoiser = GatedDenoiser(gated=True, memory=1)
    async with engine_of(denoiser) as engine:
        fits = asyncio.ensure_future(events_of(engine, Case("a", steps=2)))
        guided = asyncio.ensure_future(error_of(engine, Case("bb", steps=2, guidance=5.0)))
        await asyncio.sleep(0)
        denoiser.let(100)
        assert type(await guided) is OutOfMemory
        assert isinstance((await fits)[-1], Finished)


async def test_a_stalled_engine_fails_its_check() -> None:
    denoiser, clock = GatedDenoiser(gated=True), HandClock()
    async with engine_of(denoiser, clock=clock) as engine:
        clock.seconds += 1000
        engine.check()  # idle is not stalled
        task = asyncio.ensure_future(events_of(engine, Case(steps=1)))
        await asyncio.to_thread(denoiser.wait_inside)
        engine.check()
        clock.seconds += 61
        with pytest.raises(EngineFailure, match="61 seconds"):
            engine.check()
        denoiser.let()
        await task
        another = asyncio.ensure_future(events_of(engine, Case(steps=1)))
        await asyncio.to_thread(denoiser.wait_inside)
        engine.check()  # it moves again
        denoiser.let()
        await another


async def test_closing_ends_everything_with_unavailable() -> None:
    denoiser = GatedDenoiser(gated=True)
    async with engine_of(denoiser, max_batch=1) as engine:
        tasks = [asyncio.ensure_future(error_of(engine, Case())) for _ in range(2)]
        await asyncio.to_thread(denoiser.wait_inside)
        closing = asyncio.ensure_future(engine.close())
        assert [type(error) for error in await asyncio.gather(*tasks)] == [Unavailable] * 2
        denoiser.let(10)
        await closing
        assert type(await error_of(engine, Case())) is Unavailable
        with pytest.raises(EngineFailure):
            engine.check()


async def test_closing_lets_the_model_go() -> None:
    denoiser = GatedDenoiser()
    gone = weakref.ref(denoiser)
    engine = DiffusionEngine(
        info=INFO,
        denoiser=denoiser,
        autoencoder=PlainAutoencoder(),
        samplers=SAMPLERS,
        safety=EverythingAllowed(),
        settings=EngineSettings(max_batch=1, max_waiting=1),
        recorder=MemoryRecorder(),
        clock=HandClock(),
    )
    del denoiser
    await events_of(engine, Case())
    assert gone() is not None
    await engine.close()
    assert gone() is None


@pytest.mark.parametrize(
    ("asked", "total", "due"),
    [(0, 10, []), (1, 10, [5]), (2, 12, [4, 8]), (3, 10, [3, 6]), (99, 21, [4, 8, 12, 16]), (1, 4, []), (5, 1, [])],
)
async def test_previews_are_spread_over_the_steps(asked: int, total: int, due: list[int]) -> None:
    autoencoder = PlainAutoencoder()
    async with engine_of(GatedDenoiser(), autoencoder=autoencoder) as engine:
        events = await events_of(engine, Case(steps=total), RunContext("r", previews=asked))
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.index for step in steps if step.preview is not None] == due
    assert all(pixels_of(step.preview).shape == (32, 32, 3) for step in steps if step.preview is not None)
    assert len(autoencoder.decoded) == len(due) + 1


async def test_a_preview_is_the_predicted_clean_picture() -> None:
    autoencoder = PlainAutoencoder()
    async with engine_of(GatedDenoiser(), autoencoder=autoencoder) as engine:
        await events_of(engine, Case(steps=5, seed=5), RunContext("r", previews=1))
    latents = torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(5))
    alphas = [step[0] for step in SAMPLERS["ddim"].plan(5, area=16).coefficients]
    for alpha, after in itertools.pairwise(alphas[:3]):  # the preview is due after the second step
        noise = 0.5 * latents
        clean = (latents - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        latents = after**0.5 * clean + (1 - after) ** 0.5 * noise
    torch.testing.assert_close(autoencoder.decoded[0], clean)


async def test_metrics_tell_what_happened() -> None:
    recorder = MemoryRecorder()
    async with engine_of(GatedDenoiser(), recorder=recorder) as engine:
        await events_of(engine, Case(steps=3))
    assert recorder.counted(IMAGES.name, variant=VARIANT.id) == 1
    assert recorder.values[BATCH_SIZE.name] == [1, 1, 1]
    assert len(recorder.values[STAGE_SECONDS.name]) == 4
    assert recorder.gauges[ACTIVE.name] == 0
    assert recorder.gauges[WAITING.name] == 0


WRONG = [
    ("model", replace(Case().spec(), variant=replace(VARIANT, version=2))),
    ("model", replace(Case().spec(), variant=replace(VARIANT, weights_digest="sha256:" + "1" * 64))),
    ("settings", replace(Case().spec(), settings=GanSettings())),
    ("width", Case(width=72).spec()),
    ("width", Case(width=8).spec()),
    ("height", Case(height=33).spec()),
    ("steps", Case(steps=0).spec()),
    ("steps", Case(steps=51).spec()),
    ("sampler", Case(sampler="heun").spec()),
    ("guidance_scale", Case(guidance=math.nan).spec()),
    ("seed", Case(seed=2**64).spec()),
    ("seed", Case(seed=-1).spec()),
]


async def test_what_the_model_cannot_do_is_refused_by_name() -> None:
    async with engine_of(GatedDenoiser()) as engine:
        for param, spec in WRONG:
            with pytest.raises(InvalidInput) as refusal:
                await anext(engine.generate(spec, RunContext("r")))
            assert refusal.value.param == param
        assert isinstance((await events_of(engine, Case(seed=2**64 - 1)))[-1], Finished)
