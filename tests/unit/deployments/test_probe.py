import pytest

from deployments.probe import Probe, take_one_step
from gitex.errors import ContentRefused, EngineFailure, InvalidInput, Overloaded
from tests.fakes.models import FakeImageModel


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.runs += 1
        if self.error is not None:
            raise self.error


async def test_work_is_done_once_an_interval() -> None:
    clock, work = Hand(), Work()
    probe = Probe(work, clock, every=60)
    await probe()
    assert work.runs == 0
    clock.time += 60
    await probe()
    await probe()
    assert work.runs == 1
    clock.time += 60
    await probe()
    assert work.runs == 2


async def test_a_busy_engine_is_well_and_a_broken_one_is_not() -> None:
    clock, work = Hand(), Work()
    probe = Probe(work, clock, every=60)
    work.error = Overloaded("full")
    clock.time += 60
    await probe()
    work.error = EngineFailure("broken")
    clock.time += 60
    with pytest.raises(EngineFailure):
        await probe()


async def test_a_picture_that_the_safety_checker_refuses_was_made_all_the_same() -> None:
    clock, work = Hand(), Work()
    probe = Probe(work, clock, every=60)
    work.error = ContentRefused("no", category="nsfw")
    clock.time += 60
    await probe()
    assert work.runs == 1


async def test_the_smallest_picture_takes_the_model_s_own_sampler() -> None:
    model = FakeImageModel()
    await take_one_step(model)
    assert model.info.image is not None
    [spec] = model.started
    assert (spec.width, spec.height) == (model.info.image.min_side,) * 2
    assert (spec.settings.steps, spec.settings.sampler) == (1, model.info.image.default_sampler)


async def test_a_model_that_begins_from_a_picture_is_well_and_one_with_another_complaint_is_not() -> None:
    model = FakeImageModel()
    model.error = InvalidInput("this model begins from a picture", param="image")
    await take_one_step(model)
    model.error = InvalidInput("no such sampler", param="sampler")
    with pytest.raises(InvalidInput):
        await take_one_step(model)
