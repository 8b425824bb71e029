"""Who runs next: a bounded, fair queue and the slots of the requests that run. No torch, no threads, no wall clock."""

import math
from collections import Counter, OrderedDict
from itertools import islice

from gitex.errors import Overloaded
from gitex.ports import Clock
from models.diffusion.batch_key import BatchKey
from models.diffusion.request import DiffusionRequest, RequestState

_Requests = OrderedDict[DiffusionRequest, None]
"""An ordered set: first in, first out, and O(1) removal of whoever leaves early."""


class StepScheduler:
    """Gives slots to waiting requests and forms the batch of each step.

    A request keeps its slot from its first step to its last: finishing some early beats finishing all late. Up to
    `max_batch` requests of one key hold slots, and `2 * max_batch` in all, so that two keys can both fill their
    batches. Keys with running requests take turns, step by step.

    A free slot goes to the tenants in turn, and within a tenant to its keys in turn; a lane whose key is full does not
    block the others. Every second slot goes to the longest waiting request once that has waited `max_age` seconds:
    an upper bound for everybody, yet a flood of old requests cannot take all the slots.

    A step costs O(active); a request that starts costs O(tenants that wait).
    """

    def __init__(self, clock: Clock, max_batch: int, max_waiting: int, max_age: float = 10.0) -> None:
        self._clock = clock
        self._max_batch = max_batch
        self._max_active = 2 * max_batch
        self._max_waiting = max_waiting
        self._max_age = max_age
        self._max_area: int | None = None
        self._waiting: _Requests = OrderedDict()
        self._lanes: OrderedDict[str, OrderedDict[BatchKey, _Requests]] = OrderedDict()
        self._waiting_keys: Counter[BatchKey] = Counter()
        self._active: OrderedDict[BatchKey, _Requests] = OrderedDict()
        self._active_count = 0
        self._age_had_last_slot = False
        self._deadlines: dict[DiffusionRequest, float] = {}
        self._earliest_deadline = math.inf
        self._last_departure: float | None = None
        self._seconds_per_departure = 1.0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def active(self) -> int:
        return self._active_count

    @property
    def oldest_age(self) -> float:
        """Seconds that the longest waiting request has waited; 0 when none waits."""
        return self._clock.now() - next(iter(self._waiting)).timeline.submitted if self._waiting else 0.0

    def requests(self) -> list[DiffusionRequest]:
        """Everything that waits or runs."""
        return [*self._waiting, *(request for ring in self._active.values() for request in ring)]

    def add(self, request: DiffusionRequest) -> int:
        """Queue a request, or give it a free slot at once. Returns how many wait in front; raises `Overloaded`."""
        ahead = len(self._waiting)
        if ahead >= self._max_waiting and not self._has_room(request.key):
            raise Overloaded(f"{ahead} requests are waiting already", retry_after=self._retry_after())
        self._waiting[request] = None
        self._waiting_keys[request.key] += 1
        lanes = self._lanes.setdefault(request.context.tenant, OrderedDict())
        lanes.setdefault(request.key, OrderedDict())[request] = None
        if request.deadline is not None:
            self._deadlines[request] = request.deadline
            self._earliest_deadline = min(self._earliest_deadline, request.deadline)
        self._start_waiting()
        return ahead if request.state is RequestState.WAITING else 0

    def next_batch(self) -> list[DiffusionRequest]:
        """The requests of the next step, all of one key; empty when there is nothing to do. Changes nothing."""
        if not self._active:
            return []
        key, ring = next(iter(self._active.items()))
        return list(islice(ring, self._step_limit(key)))

    def settle(self, batch: list[DiffusionRequest]) -> None:
        """A step of `batch` is done: the finished leave, the others go to the end of their line."""
        departed = False
        for request in batch:
            ring = self._active.get(request.key)
            if ring is None or request not in ring:
                continue  # it was cancelled while its step was in flight, and has left already
            if request.state.is_finished:
                self._leave(request)
                departed = True
            else:
                ring.move_to_end(request)
        if batch and batch[0].key in self._active:
            self._active.move_to_end(batch[0].key)
        if departed:
            self._note_departure()
            self._start_waiting()

    def cancel(self, request: DiffusionRequest) -> bool:
        """Drop a request wherever it is, its slot free at once. False if it has left already."""
        return self._drop(request, RequestState.CANCELLED)

    def expire(self) -> list[DiffusionRequest]:
        """Drop and return the requests whose deadline has passed."""
        now = self._clock.now()
        if now < self._earliest_deadline:
            return []
        late = [request for request, deadline in self._deadlines.items() if deadline <= now]
        for request in late:
            self._drop(request, RequestState.FAILED)
        self._earliest_deadline = min(self._deadlines.values(), default=math.inf)
        return late

    def shrink(self, key: BatchKey, batch: int) -> None:
        """From now on, run no more latent pixels in one step than `batch` requests of `key` have."""
        self._max_area = max(1, batch) * key.area

    def _step_limit(self, key: BatchKey) -> int:
        if self._max_area is None:
            return self._max_batch
        return max(1, min(self._max_batch, self._max_area // key.area))

    def _has_room(self, key: BatchKey) -> bool:
        return self._active_count < self._max_active and len(self._active.get(key, ())) < self._max_batch

    def _start_waiting(self) -> None:
        while (request := self._next_to_start()) is not None:
            self._remove_waiting(request)
            request.state = RequestState.RUNNING
            self._active.setdefault(request.key, OrderedDict())[request] = None
            self._active_count += 1
            tenant = request.context.tenant
            if tenant in self._lanes:
                self._lanes.move_to_end(tenant)
                if request.key in self._lanes[tenant]:
                    self._lanes[tenant].move_to_end(request.key)

    def _next_to_start(self) -> DiffusionRequest | None:
        if self._active_count >= self._max_active:
            return None
        # At most two keys can be full, so this looks at three of them at most.
        if not any(self._has_room(key) for key in self._waiting_keys):
            return None
        oldest = next(iter(self._waiting))
        overdue = self.oldest_age >= self._max_age and self._has_room(oldest.key)
        if overdue and not self._age_had_last_slot:
            self._age_had_last_slot = True
            return oldest
        in_turn = (
            next(iter(lane)) for lanes in self._lanes.values() for key, lane in lanes.items() if self._has_room(key)
        )
        chosen = next(in_turn, None)
        if chosen is not None:
            self._age_had_last_slot = False
        return chosen

    def _drop(self, request: DiffusionRequest, state: RequestState) -> bool:
        if request.state.is_finished:  # gone already, or about to go when its last step is settled
            return False
        request.state = state
        self._leave(request)
        self._start_waiting()
        return True

    def _leave(self, request: DiffusionRequest) -> None:
        self._deadlines.pop(request, None)
        if request in self._waiting:
            self._remove_waiting(request)
            return
        ring = self._active[request.key]
        del ring[request]
        if not ring:
            del self._active[request.key]
        self._active_count -= 1

    def _remove_waiting(self, request: DiffusionRequest) -> None:
        del self._waiting[request]
        self._waiting_keys[request.key] -= 1
        if not self._waiting_keys[request.key]:
            del self._waiting_keys[request.key]
        lanes = self._lanes[request.context.tenant]
        del lanes[request.key][request]
        if not lanes[request.key]:
            del lanes[request.key]
        if not lanes:
            del self._lanes[request.context.tenant]

    def _note_departure(self) -> None:
        now = self._clock.now()
        if self._last_departure is not None and self._waiting:
            self._seconds_per_departure += 0.2 * (now - self._last_departure - self._seconds_per_departure)
        self._last_departure = now

    def _retry_after(self) -> float:
        """Seconds until a place in the queue should be free again, from the pace of late."""
        return min(60.0, max(1.0, self._seconds_per_departure))
