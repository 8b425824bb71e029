"""A step scheduler and a step loop without a model, for the tests of its policies."""

from collections import Counter
from collections.abc import Iterable

from models.diffusion.memory import RowLimit
from models.diffusion.pace import step_cost
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.step_scheduler import StepScheduler
from tests.unit.models.diffusion.making import HandClock


def scheduler(
    max_batch: int = 2, max_waiting: int = 2000, clock: HandClock | None = None, memory: RowLimit | None = None
) -> StepScheduler:
    return StepScheduler(
        clock or HandClock(), max_batch=max_batch, max_waiting=max_waiting, memory=memory, max_age=10.0
    )


def add_all(steps: StepScheduler, requests: Iterable[DiffusionRequest]) -> list[DiffusionRequest]:
    added = list(requests)
    for request in added:
        steps.add(request)
    return added


def run_step(steps: StepScheduler) -> list[DiffusionRequest]:
    """What the step loop does to its batch."""
    batch = steps.next_batch()
    for request in batch:
        request.step += 1
        if request.step == request.total:
            request.state = RequestState.FINISHED
    steps.settle(batch)
    return batch


def cost(batch: Iterable[DiffusionRequest]) -> int:
    """Pixel-steps of one step."""
    return sum(map(step_cost, batch))


def served(batches: Iterable[list[DiffusionRequest]]) -> Counter[str]:
    """Pixel-steps by tenant."""
    total = Counter[str]()
    for batch in batches:
        for request in batch:
            total[request.context.tenant] += step_cost(request)
    return total
