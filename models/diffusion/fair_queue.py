"""Which waiting request gets the next slot."""

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from models.diffusion.batch_key import BatchKey
from models.diffusion.memory import RowLimit
from models.diffusion.pace import remaining_cost, step_cost
from models.diffusion.priority_queue import PriorityQueue
from models.diffusion.request import DiffusionRequest


class Start(NamedTuple):
    """A request that has got a slot."""

    request: DiffusionRequest
    tag: float
    """Pixel-steps that its tenant has had when this one's turn comes: the lowest tags go first."""


@dataclass(eq=False)
class _Lane:
    """One tenant's requests of one key."""

    key: BatchKey
    waiting: PriorityQueue[DiffusionRequest] = field(default_factory=PriorityQueue)
    slots: int = 0
    rows: int = 0
    """Of the requests that hold the slots."""


@dataclass(eq=False)
class _Tenant:
    served: float
    """Pixel-steps that it has had."""
    active: dict[DiffusionRequest, None] = field(default_factory=dict)
    """Those that hold slots."""
    lanes: dict[BatchKey, _Lane] = field(default_factory=dict)
    open: PriorityQueue[_Lane] = field(default_factory=PriorityQueue)
    """The lanes where someone waits and has room."""
    waiting: OrderedDict[DiffusionRequest, None] = field(default_factory=OrderedDict)
    """In order of arrival."""
    oldest_had_last_slot: bool = False


class FairQueue:
    """Everything that waits, and what each tenant has had. A slot goes

    1. to the tenant that holds the fewest; among equals to the one that has had the fewest pixel-steps. None may hold
       more than it leaves free, so that there is one left for whoever comes next;
    2. within the tenant to the highest priority, then the earliest deadline, then the key that holds the fewest slots,
       then the first that came. Every second one goes to its longest waiting request once that has waited `max_age`.

    A lane (tenant, key) whose slots fill a batch gets no more; it does not block the others. All is O(log n) in what
    waits.

    With its slot a request gets a tag, by which it competes for rows: the pixel-steps that its tenant has had, and
    those that it has yet to do of the earlier ones, as in start-time fair queueing (Goyal, Vin, Cheng 1996). A newcomer
    begins at what each tenant is owed, an equal share of all pixel-steps run. Nobody is ahead of or behind that by more
    than the largest request that runs: there is no saving up, and no paying back of what others did not want.
    """

    def __init__(self, max_batch: int, memory: RowLimit, max_age: float) -> None:
        self._max_batch = max_batch
        self._memory = memory
        self._max_age = max_age
        self._tenants: dict[str, _Tenant] = {}
        self._open: PriorityQueue[str] = PriorityQueue()
        """Tenants that have an open lane."""
        self._owed = 0.0
        """Pixel-steps that a tenant would have had by now if it had always been here."""
        self._waiting: OrderedDict[DiffusionRequest, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, request: DiffusionRequest) -> bool:
        return request in self._waiting

    def requests(self) -> list[DiffusionRequest]:
        """In order of arrival."""
        return list(self._waiting)

    def waiting_of(self, tenant: str) -> int:
        """How many requests of that tenant wait."""
        return len(self._tenants[tenant].waiting) if tenant in self._tenants else 0

    def oldest_age(self, now: float) -> float:
        """Seconds that the longest waiting request has waited; 0 when none waits."""
        return now - next(iter(self._waiting)).timeline.submitted if self._waiting else 0.0

    def has_slot_for(self, request: DiffusionRequest, free: int) -> bool:
        """Whether the request would get one of `free` slots at once."""
        tenant = self._tenants.get(request.context.tenant)
        if tenant is None:
            return free > 0
        lane = tenant.lanes.get(request.key)
        return len(tenant.active) < free and (lane is None or not self._is_full(lane))

    def add(self, request: DiffusionRequest) -> None:
        """Put a request into its tenant's line."""
        name = request.context.tenant
        tenant = self._tenants.setdefault(name, _Tenant(self._owed))
        lane = tenant.lanes.setdefault(request.key, _Lane(request.key))
        lane.waiting.put(request, _urgency(request))
        tenant.waiting[request] = self._waiting[request] = None
        self._refresh(name, lane)

    def remove(self, request: DiffusionRequest) -> None:
        """A request goes before it got a slot."""
        lane = self._take_out(request)
        self._refresh(request.context.tenant, lane)

    def start_next(self, free: int, now: float) -> Start | None:
        """Take out the request that gets one of `free` slots; None if nobody may have it."""
        name = self._open.first()
        if name is None or len(self._tenants[name].active) >= free:  # the first one holds the fewest
            return None
        tenant = self._tenants[name]
        request = self._next_of(tenant, now)
        lane = self._take_out(request)
        start = Start(request, tenant.served + sum(map(remaining_cost, tenant.active)))
        tenant.active[request] = None
        lane.slots += 1
        lane.rows += request.rows
        self._refresh(name, lane)
        return start

    def release(self, request: DiffusionRequest) -> None:
        """A request that has started gives its slot back."""
        name = request.context.tenant
        tenant = self._tenants[name]
        lane = tenant.lanes[request.key]
        del tenant.active[request]
        lane.slots -= 1
        lane.rows -= request.rows
        self._refresh(name, lane)

    def charge(self, batch: Sequence[DiffusionRequest], largest: int) -> None:
        """A step of `batch` has been run; `largest` is the cost of the largest request that holds a slot."""
        costs = Counter[str]()
        for request in batch:
            costs[request.context.tenant] += step_cost(request)
        self._owed += costs.total() / max(1, len(self._tenants))
        for name, cost in costs.items():
            tenant = self._tenants.get(name)
            if tenant is not None:
                tenant.served = min(max(tenant.served + cost, self._owed - largest), self._owed + largest)

    def _next_of(self, tenant: _Tenant, now: float) -> DiffusionRequest:
        oldest = next(iter(tenant.waiting))
        overdue = now - oldest.timeline.submitted >= self._max_age and not self._is_full(tenant.lanes[oldest.key])
        tenant.oldest_had_last_slot = overdue and not tenant.oldest_had_last_slot
        if tenant.oldest_had_last_slot:
            return oldest
        lane = tenant.open.first()
        request = None if lane is None else lane.waiting.first()
        if request is None:
            raise RuntimeError("an open tenant has nothing to start")
        return request

    def _take_out(self, request: DiffusionRequest) -> _Lane:
        tenant = self._tenants[request.context.tenant]
        lane = tenant.lanes[request.key]
        lane.waiting.discard(request)
        del tenant.waiting[request], self._waiting[request]
        return lane

    def _is_full(self, lane: _Lane) -> bool:
        return lane.slots >= self._max_batch or (lane.slots > 0 and lane.rows >= self._memory.max_rows(lane.key))

    def _refresh(self, name: str, lane: _Lane) -> None:
        """After any change of a lane: put it and its tenant where they now belong."""
        tenant = self._tenants[name]
        head = lane.waiting.first()
        if head is not None and not self._is_full(lane):
            tenant.open.put(lane, (*_urgency(head), lane.slots))
        else:
            tenant.open.discard(lane)
        if head is None and not lane.slots:
            del tenant.lanes[lane.key]
        if len(tenant.open):
            self._open.put(name, (len(tenant.active), tenant.served))
        else:
            self._open.discard(name)
        if not tenant.lanes:
            del self._tenants[name]
        if not self._tenants:
            self._owed = 0.0


def _urgency(request: DiffusionRequest) -> tuple[float, float]:
    """Lower is more urgent."""
    return -request.context.priority, math.inf if request.deadline is None else request.deadline
