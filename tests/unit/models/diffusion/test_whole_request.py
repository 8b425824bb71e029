"""The whole-request engine over a model that takes its steps when the test lets it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import torch

from gitex.errors import (
    ContentRefused,
    DeadlineExceeded,
    EngineFailure,
    GitexError,
    InvalidInput,
    OutOfMemory,
    Overloaded,
    Unavailable,
)
from gitex.events import Finished, ImageEvent, Queued, Step
from gitex.metrics import CANCELLED
from gitex.ports import RunContext
from models.diffusion.engine import EngineSettings
from models.diffusion.mailbox import Pixels
from models.diffusion.safety import EverythingAllowed, SafetyChecker
from models.diffusion.whole_request import WholeRequestEngine
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.gated_runner import GatedRunner
from tests.unit.models.diffusion.making import INFO, Case, HandClock, pixels_of


@asynccontextmanager
async def engine_of(
    runner: GatedRunner,
    *,
    clock: HandClock | None = None,
    recorder: MemoryRecorder | None = None,
    safety: SafetyChecker | None = None,
    max_waiting: int = 8,
) -> AsyncIterator[WholeRequestEngine]:
    clock = clock or HandClock()
    engine = WholeRequestEngine(
        info=INFO,
        runner=runner,
        safety=safety or EverythingAllowed(),
        settings=EngineSettings(max_batch=1, max_waiting=max_waiting, stall_seconds=60),
        recorder=recorder or MemoryRecorder(),
        clock=clock,
        unix_now=lambda: clock.seconds + 1e9,
    )
    try:
        yield engine
    finally:
        runner.let(1000)
        await engine.close()


async def events_of(
    engine: WholeRequestEngine, case: Case, tenant: str = "t", priority: int = 0, deadline: float | None = None
) -> list[ImageEvent]:
    context = RunContext("r", tenant, priority=priority, deadline=deadline)
    return [event async for event in engine.generate(case.spec(), context)]


async def submitted(engine: WholeRequestEngine, case: Case, **context: object) -> "asyncio.Task[list[ImageEvent]]":
    task = asyncio.ensure_future(events_of(engine, case, **context))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return task


async def error_of(engine: WholeRequestEngine, case: Case) -> GitexError:
    with pytest.raises(GitexError) as caught:
        await events_of(engine, case)
    return caught.value


async def test_events_come_in_order() -> None:
    async with engine_of(GatedRunner()) as engine:
        events = await events_of(engine, Case(steps=3, width=24))
    assert events[:-1] == [Queued(0), Step(1, 3), Step(2, 3), Step(3, 3)]
    assert isinstance(events[-1], Finished)
    output = events[-1].output
    assert pixels_of(output.content).shape == (32, 24, 3)
    assert output.execution is not None
    assert output.execution.dtype == "float32"


async def test_tenants_take_turns_and_priority_counts_among_a_tenants_own() -> None:
    runner = GatedRunner(gated=True)
    async with engine_of(runner) as engine:
        tasks = [await submitted(engine, Case("a1", steps=1), tenant="a")]
        await runner.entered()
        for prompt, tenant, priority in [
            ("a2", "a", 0),
            ("a3", "a", 5),
            ("a4", "a", 0),
            ("b1", "b", 0),
            ("c1", "c", 0),
        ]:
            tasks.append(await submitted(engine, Case(prompt, steps=1), tenant=tenant, priority=priority))
        runner.let(100)
        await asyncio.gather(*tasks)
    assert runner.ran == ["a1", "b1", "c1", "a3", "a2", "a4"]


async def test_one_request_more_than_may_wait_is_refused() -> None:
    runner = GatedRunner(gated=True)
    async with engine_of(runner, max_waiting=1) as engine:
        tasks = [await submitted(engine, Case("a", steps=1))]
        await runner.entered()
        tasks.append(await submitted(engine, Case("b", steps=1)))
        with pytest.raises(Overloaded) as caught:
            await events_of(engine, Case("c"))
        assert caught.value.retry_after > 0
        runner.let(2)
        assert [len(events) for events in await asyncio.gather(*tasks)] == [3, 3]


async def test_closing_the_generator_ends_the_run_at_its_next_step() -> None:
    runner, recorder = GatedRunner(gated=True), MemoryRecorder()
    async with engine_of(runner, recorder=recorder) as engine:
        leaver = engine.generate(Case("a", steps=40).spec(), RunContext("leaver"))
        await anext(leaver)
        await runner.entered()
        runner.let()
        assert await anext(leaver) == Step(1, 40)
        await runner.entered()
        heir = await submitted(engine, Case("b", steps=1))
        await leaver.aclose()
        runner.let(2)  # one ends the leaver, one is the heir's
        assert isinstance((await heir)[-1], Finished)
    assert recorder.counted(CANCELLED.name, variant=INFO.variant.id) == 1


async def test_past_its_deadline_a_request_is_dropped_whether_it_waits_or_runs() -> None:
    runner, clock = GatedRunner(gated=True), HandClock()
    async with engine_of(runner, clock=clock) as engine:
        soon = clock.seconds + 1e9 + 10
        running = await submitted(engine, Case("a", steps=3), deadline=soon)
        await runner.entered()
        waiting = await submitted(engine, Case("b"), deadline=soon - 5)
        patient = await submitted(engine, Case("c", steps=1), deadline=soon + 100)
        clock.seconds += 6
        runner.let()
        with pytest.raises(DeadlineExceeded):
            await waiting
        await runner.entered()
        clock.seconds += 6
        runner.let(2)
        with pytest.raises(DeadlineExceeded):
            await running
        assert isinstance((await patient)[-1], Finished)
    assert runner.ran == ["a", "c"]


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (torch.OutOfMemoryError("no room"), OutOfMemory),
        (RuntimeError("broke"), EngineFailure),
        (InvalidInput("what"), InvalidInput),
    ],
    ids=["memory", "failure", "input"],
)
async def test_an_error_is_its_own_request_s(raised: Exception, told: type[GitexError]) -> None:
    async with engine_of(GatedRunner(errors=[raised])) as engine:
        assert type(await error_of(engine, Case("a"))) is told
        assert isinstance((await events_of(engine, Case("b")))[-1], Finished)
        engine.check()


async def test_closing_the_engine_tells_everybody() -> None:
    runner = GatedRunner(gated=True)
    async with engine_of(runner) as engine:
        tasks = [await submitted(engine, Case("a"))]
        await runner.entered()
        tasks.append(await submitted(engine, Case("b")))
        closing = asyncio.ensure_future(engine.close())
        for task in tasks:
            with pytest.raises(Unavailable):
                await task
        runner.let(1)
        await closing
        assert isinstance(await error_of(engine, Case("c")), Unavailable)
        with pytest.raises(EngineFailure):
            engine.check()
    assert runner.ran == ["a"]


async def test_a_step_that_takes_too_long_is_a_stall_and_many_short_ones_are_none() -> None:
    runner, clock = GatedRunner(gated=True), HandClock()
    async with engine_of(runner, clock=clock) as engine:
        clock.seconds += 1000  # idle
        task = await submitted(engine, Case("a", steps=3))
        for _ in range(2):
            await runner.entered()
            engine.check()
            clock.seconds += 50
            runner.let()
        await runner.entered()
        clock.seconds += 61
        with pytest.raises(EngineFailure, match="61 seconds"):
            engine.check()
        runner.let()
        await task
        engine.check()


async def test_what_the_checks_refuse_never_reaches_the_model() -> None:
    runner = GatedRunner()
    async with engine_of(runner) as engine:
        for case in (Case(steps=0), Case(sampler="heun"), Case(negative="blue"), Case(width=12)):
            assert isinstance(await error_of(engine, case), InvalidInput)
        other = replace(Case().spec(), variant=replace(INFO.variant, version=2))
        with pytest.raises(InvalidInput):
            await anext(engine.generate(other, RunContext("r")))
    assert runner.ran == []


@dataclass
class RefusesWhatSays:
    """A `SafetyChecker` that refuses a prompt, or every picture."""

    prompt: str
    pictures: bool

    def refuses_prompt(self, prompt: str) -> str | None:
        return "violence" if prompt == self.prompt else None

    def refuses_picture(self, picture: Pixels) -> str | None:
        return "nsfw" if self.pictures else None


@pytest.mark.parametrize(("pictures", "category", "runs"), [(False, "violence", 0), (True, "nsfw", 1)])
async def test_the_safety_checker_is_asked_before_and_after(pictures: bool, category: str, runs: int) -> None:
    runner = GatedRunner()
    async with engine_of(runner, safety=RefusesWhatSays("a" if not pictures else "", pictures)) as engine:
        error = await error_of(engine, Case("a", steps=1))
    assert isinstance(error, ContentRefused)
    assert (error.category, len(runner.ran)) == (category, runs)
