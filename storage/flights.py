"""The cluster-wide single flight, in one place's memory: its rules on a clock, and waking who waits."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from gitex.flights import Claim, Held, Landed, Lease
from gitex.ports import Clock

LEASE_SECONDS = 6.0
"""A leader renews three times in this; its followers wait this long at most after it died."""
RESULT_SECONDS = 60.0
"""How long a result is told: longer than a follower's pause between two questions, by far."""


@dataclass(frozen=True)
class _Leading:
    token: int
    expires: float


@dataclass(frozen=True)
class _Done:
    asset_id: str
    expires: float


class FlightTable:
    """The rules of `gitex.ports.Flights`. Not thread-safe: one owner (an actor, an event loop) calls it.

    Tokens count up from `first_token`, which has to be above all that were ever given out: microseconds since 1970 do,
    since no table gives out a million a second.
    """

    def __init__(
        self,
        clock: Clock,
        first_token: int,
        lease_s: float = LEASE_SECONDS,
        result_s: float = RESULT_SECONDS,
    ) -> None:
        self._clock = clock
        self._next_token = first_token
        self._lease_s = lease_s
        self._result_s = result_s
        self._leading: dict[str, _Leading] = {}
        self._done: dict[str, _Done] = {}

    def __len__(self) -> int:
        """How many digests are remembered."""
        return len(self._leading.keys() | self._done.keys())

    def claim(self, digest: str, gone: str | None = None) -> Claim:
        """A fresh result, else who leads, else the lease."""
        self._forget_old()
        done = self._done.get(digest)
        if done is not None and done.asset_id != gone:
            return Landed(done.asset_id)
        leading = self._leading.get(digest)
        if leading is not None:
            return Held(leading.expires - self._clock.now())
        self._done.pop(digest, None)
        token, self._next_token = self._next_token, self._next_token + 1
        self._leading[digest] = _Leading(token, self._clock.now() + self._lease_s)
        return Lease(digest, token, self._lease_s)

    def renew(self, lease: Lease) -> bool:
        """Whether it was still held; if so, it is for its full length again."""
        if not self._holds(lease):
            return False
        self._leading[lease.digest] = _Leading(lease.token, self._clock.now() + self._lease_s)
        return True

    def land(self, lease: Lease, asset_id: str) -> bool:
        """Whether it was still held; if so, `asset_id` is the result."""
        if not self._holds(lease):
            return False
        del self._leading[lease.digest]
        self._done[lease.digest] = _Done(asset_id, self._clock.now() + self._result_s)
        return True

    def release(self, lease: Lease) -> bool:
        """Whether it was still held; nobody holds it now."""
        if not self._holds(lease):
            return False
        del self._leading[lease.digest]
        return True

    def _holds(self, lease: Lease) -> bool:
        leading = self._leading.get(lease.digest)
        return leading is not None and leading.token == lease.token and self._clock.now() < leading.expires

    def _forget_old(self) -> None:
        # Leases last equally long, so do results; renewing puts a lease at its old place, so look at all of those.
        now = self._clock.now()
        for digest in [digest for digest, leading in self._leading.items() if leading.expires <= now]:
            del self._leading[digest]
        while self._done and (oldest := next(iter(self._done))) and self._done[oldest].expires <= now:
            del self._done[oldest]


class Wakes:
    """Lets tasks of one event loop wait for news of a digest."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def wake(self, digest: str) -> None:
        """There is news of it."""
        for event in self._waiting.get(digest, ()):
            event.set()

    def wake_all(self) -> None:
        """There may be news of any."""
        for digest in self._waiting:
            self.wake(digest)

    async def wait(self, digest: str, seconds: float) -> None:
        """Return on news of the digest, or after `seconds`."""
        event = asyncio.Event()
        self._waiting[digest].add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting[digest].discard(event)
            if not self._waiting[digest]:
                del self._waiting[digest]
