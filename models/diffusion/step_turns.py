"""Which of the requests that hold a slot make the next step."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from models.diffusion.batch_key import BatchKey
from models.diffusion.memory import RowLimit
from models.diffusion.pace import step_cost, total_cost
from models.diffusion.request import DiffusionRequest


@dataclass(eq=False)
class _Line:
    """The requests of one key that hold slots."""

    key: BatchKey
    deficit: float = 0.0
    """Pixel-steps that are owed to it."""
    tags: dict[DiffusionRequest, float] = field(default_factory=dict)
    """In order of their start."""


class StepTurns:
    """Everything that holds a slot.

    The key of a step: deficit round robin (Shreedhar, Varghese 1995) in pixel-steps. Each step's cost is owed in equal
    parts to the tenants that hold a slot, and by each tenant in equal parts to its keys; the key that ran pays for it.
    The key that is owed most runs next: with the largest deficit in front instead of a rota, a newcomer does not wait
    for a round. Whoever does not run gains with every step, so no key is left out for ever, however large its pictures.

    Its rows: the requests with the lowest tags (see `FairQueue`). A tag never changes, so a request keeps its row from
    its first step to its last, which finishes some early instead of all late, and pauses only when one comes whose
    tenant has had less.
    """

    def __init__(self, max_batch: int, memory: RowLimit) -> None:
        self._max_batch = max_batch
        self._memory = memory
        self._lines: dict[BatchKey, _Line] = {}
        self._line_of: dict[DiffusionRequest, _Line] = {}
        self._tenants: dict[str, Counter[_Line]] = {}
        """How many slots each tenant holds in each line."""
        self._costs: dict[DiffusionRequest, int] = {}

    def __len__(self) -> int:
        return len(self._line_of)

    def __iter__(self) -> Iterator[DiffusionRequest]:
        return iter(self._line_of)

    def __contains__(self, request: DiffusionRequest) -> bool:
        return request in self._line_of

    @property
    def largest(self) -> int:
        """Pixel-steps of the largest request, from its first step to its last; 0 if there is none."""
        return max(self._costs.values(), default=0)

    def start(self, request: DiffusionRequest, tag: float) -> None:
        """A request has got a slot."""
        line = self._lines.setdefault(request.key, _Line(request.key))
        line.tags[request] = tag
        self._line_of[request] = line
        self._tenants.setdefault(request.context.tenant, Counter())[line] += 1
        self._costs[request] = total_cost(request)

    def leave(self, request: DiffusionRequest) -> None:
        """A request gives its slot back."""
        line = self._line_of.pop(request)
        del line.tags[request], self._costs[request]
        lines = self._tenants[request.context.tenant]
        lines[line] -= 1
        if not lines[line]:
            del lines[line]
        if not lines:
            del self._tenants[request.context.tenant]

    def forget_idle(self) -> None:
        """After those that leave and those that start in their places: a key that goes on keeps its deficit."""
        for key in [key for key, line in self._lines.items() if not line.tags]:
            del self._lines[key]

    def batch(self) -> list[DiffusionRequest]:
        """The requests of the next step, all of one key; empty if there are none. Changes nothing.

        At most `max_batch` requests and as many rows as fit into memory, but one request at least.
        """
        if not self._lines:
            return []
        line = max(self._lines.values(), key=attrgetter("deficit"))
        max_rows = self._memory.max_rows(line.key)
        batch: list[DiffusionRequest] = []
        rows = 0
        for request in sorted(line.tags, key=line.tags.__getitem__):
            if len(batch) == self._max_batch:
                break
            if not batch or rows + request.rows <= max_rows:
                batch.append(request)
                rows += request.rows
        return batch

    def charge(self, batch: Sequence[DiffusionRequest]) -> None:
        """A step of `batch` has been run."""
        ran = self._lines.get(batch[0].key)
        if ran is None:
            return  # all of it was cancelled while it was in flight
        cost = sum(map(step_cost, batch))
        for lines in self._tenants.values():
            share = cost / len(self._tenants) / len(lines)
            for line in lines:
                line.deficit += share
        ran.deficit -= cost
