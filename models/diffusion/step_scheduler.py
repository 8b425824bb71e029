"""Who runs next: three verbs over a fair queue and the slots of what runs. No torch, no threads, no wall clock."""

from gitex.errors import DeadlineExceeded, OutOfMemory, Overloaded
from gitex.ports import Clock
from models.diffusion.batch_key import BatchKey
from models.diffusion.fair_queue import FairQueue
from models.diffusion.memory import MemoryModel, RowLimit
from models.diffusion.pace import Departures, Pace
from models.diffusion.priority_queue import PriorityQueue
from models.diffusion.request import DiffusionRequest, RequestState
from models.diffusion.step_turns import StepTurns

SLOTS_PER_ROW = 4
"""Slots for each request of a full batch. A tenant alone may take half of them (see `FairQueue`): two keys with full
batches. The others are for the tenants that come next, whose first step need not wait for anyone's last."""

QUEUE_SHARE = 3
"""A tenant may hold this many times as many places of the queue as it leaves free: alone, three quarters of it."""


class StepScheduler:
    """Bounds, deadlines, and the way of a request: it waits (`FairQueue`), holds a slot (`StepTurns`), leaves.

    `add`, `next_batch` and `settle` are the way; `cancel` and `expire` lead out of it at any point. A step costs
    O(active), each request that starts or leaves O(log waiting).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        max_batch: int,
        max_waiting: int,
        memory: RowLimit | None = None,
        max_age: float = 10.0,
    ) -> None:
        """`max_batch`: requests in one step. `max_waiting`: requests without a slot. `max_age`: see `FairQueue`."""
        self._clock = clock
        self._memory = MemoryModel.unlimited() if memory is None else memory
        self._max_slots = SLOTS_PER_ROW * max_batch
        self._max_waiting = max_waiting
        self._queue = FairQueue(max_batch, self._memory, max_age)
        self._turns = StepTurns(max_batch, self._memory)
        self._pace = Pace()
        self._departures = Departures()
        self._step_began: float | None = None
        self._deadlines: PriorityQueue[DiffusionRequest] = PriorityQueue()
        """Waiting or active, by the time when the deadline was last seen to be out of reach."""

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return len(self._queue)

    @property
    def active(self) -> int:
        """Requests that hold a slot."""
        return len(self._turns)

    @property
    def oldest_age(self) -> float:
        """Seconds that the longest waiting request has waited; 0 when none waits."""
        return self._queue.oldest_age(self._clock.now())

    def requests(self) -> list[DiffusionRequest]:
        """Everything that waits or runs."""
        return [*self._queue.requests(), *self._turns]

    def add(self, request: DiffusionRequest) -> int:
        """Queue a request, or give it a slot at once. Returns how many wait in front.

        Raises `OutOfMemory` if it does not fit alone, `DeadlineExceeded` if it would be late even alone, `Overloaded`
        if the queue, or its tenant's share of it, is full.
        """
        if not self._memory.fits(request.key, request.rows):
            raise OutOfMemory("this picture does not fit into the device's memory")
        if self._is_late(request):
            raise DeadlineExceeded("the picture cannot be finished before its deadline")
        ahead = len(self._queue)
        if not self._queue.has_slot_for(request, self._free_slots):
            self._check_place(request.context.tenant)
        self._queue.add(request)
        if request.deadline is not None:
            self._deadlines.put(request, (self._latest_start(request, request.deadline),))
        self._fill_slots()
        return ahead if request.state is RequestState.WAITING else 0

    def next_batch(self) -> list[DiffusionRequest]:
        """The requests of the next step, all of one key; empty when there is nothing to do. Starts the step's time."""
        self._step_began = self._clock.now()
        return self._turns.batch()

    def settle(self, batch: list[DiffusionRequest]) -> None:
        """A step of `batch` is done: the finished leave, and others start in their places."""
        if not batch:
            return
        now = self._clock.now()
        if self._step_began is not None:
            self._pace.note(batch, now - self._step_began)
            self._step_began = None
        self._turns.charge(batch)
        self._queue.charge(batch, self._turns.largest)
        # Those that were cancelled while their step was in flight have left already.
        finished = [request for request in batch if request.state.is_finished and request in self._turns]
        for request in finished:
            self._leave(request)
        if finished:
            self._departures.note(now, queue_waits=bool(len(self._queue)))
            self._fill_slots()

    def cancel(self, request: DiffusionRequest) -> bool:
        """Drop a request wherever it is, its slot free at once. False if it has left already."""
        return self._drop(request, RequestState.CANCELLED)

    def expire(self) -> list[DiffusionRequest]:
        """Drop and return the requests that are past their deadline, or would be even if they ran alone from now on."""
        dropped: list[DiffusionRequest] = []
        while late := [*self._late_active(), *self._late_waiting()]:  # again: others have started in their places
            for request in late:
                self._drop(request, RequestState.FAILED)
            dropped += late
        return dropped

    def shrink(self, key: BatchKey, rows: int) -> None:
        """A step ran out of memory: from now on, none has more row-pixels than `rows` rows of `key`."""
        self._memory.shrink(key, rows)

    @property
    def _free_slots(self) -> int:
        return self._max_slots - len(self._turns)

    def _check_place(self, tenant: str) -> None:
        free = self._max_waiting - len(self._queue)
        held = self._queue.waiting_of(tenant)
        if held >= QUEUE_SHARE * free:
            raise Overloaded(
                f"{len(self._queue)} requests are waiting already, {held} of them of this tenant",
                retry_after=self._departures.retry_after,
            )

    def _fill_slots(self) -> None:
        now = self._clock.now()
        while (start := self._queue.start_next(self._free_slots, now)) is not None:
            start.request.state = RequestState.RUNNING
            self._turns.start(start.request, start.tag)
        self._turns.forget_idle()

    def _drop(self, request: DiffusionRequest, state: RequestState) -> bool:
        if request.state.is_finished:  # gone already, or about to go when its last step is settled
            return False
        request.state = state
        self._leave(request)
        self._fill_slots()
        return True

    def _leave(self, request: DiffusionRequest) -> None:
        self._deadlines.discard(request)
        if request in self._queue:
            self._queue.remove(request)
        else:
            self._turns.leave(request)
            self._queue.release(request)

    def _latest_start(self, request: DiffusionRequest, deadline: float) -> float:
        return deadline - self._pace.seconds_left(request)

    def _is_late(self, request: DiffusionRequest) -> bool:
        return request.deadline is not None and self._latest_start(request, request.deadline) <= self._clock.now()

    def _late_active(self) -> list[DiffusionRequest]:
        return [request for request in self._turns if self._is_late(request)]

    def _late_waiting(self) -> list[DiffusionRequest]:
        """By the pace of when they were last looked at; those that turn out to have time yet are looked at again."""
        now = self._clock.now()
        late: list[DiffusionRequest] = []
        while (request := self._deadlines.first()) is not None and self._deadlines.rank(request)[0] <= now:
            self._deadlines.discard(request)
            if request.deadline is None:
                continue
            if not self._is_late(request):
                self._deadlines.put(request, (self._latest_start(request, request.deadline),))
            elif request in self._queue:
                late.append(request)
        return late
