import pytest

from deployments.probe import Probe
from gitex.errors import EngineFailure, Overloaded


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
