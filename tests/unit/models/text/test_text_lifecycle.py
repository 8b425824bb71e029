"""Waiting, deadlines, cancellation, closing and crashing, with a model that is stepped by hand."""

import asyncio
import queue
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from gitex import metrics
from gitex.errors import DeadlineExceeded, EngineFailure, GitexError, Overloaded, Unavailable
from gitex.events import Queued, TextDelta, TextEvent, TextFinished
from models.text.runner import Broken, Load, NewTokens, TokenRequest, TokenRunner
from models.text.sampling import Sampling
from tests.unit.models.text.tiny_text import CONTEXT, NOW, Bench, SteppedGpt2, bench, context, spec, stepped

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def made() -> AsyncIterator[tuple[Bench, SteppedGpt2]]:
    """An engine with one slot and one place to wait."""
    model = stepped()
    runner = TokenRunner(model, max_batch=1, context_length=CONTEXT)
    model.gate.release()  # for the warm-up
    runner.start()
    made = bench(runner, slots=1, waiting=1)
    yield made, model
    model.gate.release(200)
    await made.engine.close()


async def _end(events: AsyncGenerator[TextEvent, None]) -> TextEvent | GitexError:
    """The last event, or the error that took its place."""
    try:
        return [event async for event in events][-1]
    except GitexError as error:
        return error


async def _all_computed(runner: TokenRunner) -> None:
    """Return when everything submitted so far has been computed and handed over: the runner has one slot."""
    last: queue.SimpleQueue[NewTokens | Broken] = queue.SimpleQueue()
    runner.submit(TokenRequest("last", [0], 1, [], Sampling(0)), last.put)
    await asyncio.to_thread(last.get)
    await asyncio.sleep(0)


async def test_who_finds_the_slot_taken_waits_and_then_runs(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    model.gate.release(200)
    first = engine.generate(spec(max_tokens=4), context("a"))
    assert isinstance(await anext(first), TextDelta)
    second = engine.generate(spec(max_tokens=2), context("b"))
    assert await anext(second) == Queued(0)
    with pytest.raises(Overloaded) as caught:
        await anext(engine.generate(spec(), context("c")))
    assert caught.value.retry_after >= 1
    assert made[0].recorder.gauges[metrics.WAITING.name][-1] == 1
    assert [type(e) async for e in first][-1] is TextFinished
    assert [type(e) async for e in second][-1] is TextFinished


async def test_closing_the_generator_frees_the_slot_within_one_step(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    long = engine.generate(spec(max_tokens=80), context("a"))
    model.gate.release()
    await anext(long)
    await long.aclose()
    # The step that the manager may have begun already, and the only one that the next request needs.
    model.gate.release(2)
    events = [event async for event in engine.generate(spec(max_tokens=1), context("b"))]
    assert isinstance(events[-1], TextFinished)
    assert made[0].recorder.counts[metrics.CANCELLED.name] == 1
    assert made[0].admission.active == 0


async def test_a_cancelled_requests_memory_is_free_before_the_next_ones_first_token(
    made: tuple[Bench, SteppedGpt2],
) -> None:
    engine, runner, model = made[0].engine, made[0].runner, made[1]
    idle = runner.load()
    long = engine.generate(spec(max_tokens=80), context("a"))
    model.gate.release()
    await anext(long)
    assert (idle.requests, runner.load()) == (0, Load(1, idle.free_pages - 1))
    await long.aclose()
    assert made[0].admission.active == 0
    following = engine.generate(spec(max_tokens=80), context("b"))
    model.gate.release(2)
    assert isinstance(await anext(following), TextDelta)
    assert runner.load() == Load(1, idle.free_pages - 1)
    await following.aclose()


async def test_closing_a_generator_that_waits_leaves_the_queue(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    first = engine.generate(spec(max_tokens=2), context("a"))
    model.gate.release(200)
    await anext(first)
    waiting = engine.generate(spec(), context("b"))
    await anext(waiting)
    await waiting.aclose()
    assert made[0].admission.waiting == 0
    await first.aclose()
    assert made[0].admission.active == 0


async def test_a_passed_deadline_ends_the_text(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    text = engine.generate(spec(max_tokens=50), context("a", deadline=NOW + 30))
    model.gate.release(200)
    await anext(text)
    await _all_computed(made[0].runner)
    made[0].clock.seconds += 31
    with pytest.raises(DeadlineExceeded):
        await anext(text)
    assert made[0].admission.active == 0


async def test_a_deadline_passes_while_no_step_ends(made: tuple[Bench, SteppedGpt2]) -> None:
    text = made[0].engine.generate(spec(), context("a", deadline=NOW + 0.01))
    with pytest.raises(DeadlineExceeded):
        await anext(text)


async def test_closing_the_engine_ends_running_and_waiting_work(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    running, waiting = (engine.generate(spec(max_tokens=80), context(name)) for name in "ab")
    model.gate.release()
    await anext(running)
    await anext(waiting)
    ends = [asyncio.ensure_future(_end(text)) for text in (running, waiting)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(engine.close())
    await asyncio.sleep(0)
    model.gate.release()  # the step that is being computed
    assert [type(end) for end in await asyncio.gather(*ends)] == [Unavailable, Unavailable]
    await closing
    with pytest.raises(Unavailable):
        await anext(engine.generate(spec(), context("c")))


async def test_a_crash_fails_every_request_and_the_check(made: tuple[Bench, SteppedGpt2]) -> None:
    engine, model = made[0].engine, made[1]
    engine.check()
    running, waiting = (engine.generate(spec(max_tokens=80), context(name)) for name in "ab")
    model.gate.release()
    await anext(running)
    await anext(waiting)
    model.broken = True
    model.gate.release()
    with pytest.raises(EngineFailure, match="device is gone"):
        await anext(running)
    with pytest.raises(EngineFailure):
        await anext(waiting)
    with pytest.raises(EngineFailure):
        engine.check()
    with pytest.raises(EngineFailure):
        await anext(engine.generate(spec(), context("c")))
