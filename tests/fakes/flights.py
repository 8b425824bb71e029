"""Time that a test moves, and the cluster's flights on it."""

import asyncio
from dataclasses import dataclass, field

from gitex.errors import Unavailable
from gitex.flights import Claim, Lease
from storage.flights import FlightTable


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)


@dataclass
class FakeTime:
    """A `gitex.ports.Clock` with a `sleep` that only `advance` ends."""

    seconds: float = 0.0
    sleepers: list[tuple[float, asyncio.Event]] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self.sleepers.append((self.seconds + seconds, event))
        await event.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and at each moment all that is due in its order."""
        end = self.seconds + seconds
        await settle()
        while due := [sleeper for sleeper in self.sleepers if sleeper[0] <= end]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self.sleepers.remove(first)
            self.seconds = max(self.seconds, first[0])
            first[1].set()
            await settle()
        self.seconds = end
        await settle()


@dataclass
class SharedFlights:
    """What all processes of a test share."""

    time: FakeTime
    table: FlightTable
    waiting: list[tuple[str, asyncio.Event]] = field(default_factory=list)

    def wake(self, digest: str) -> None:
        for waited, event in self.waiting:
            if waited == digest:
                event.set()


@dataclass
class ProcessFlights:
    """One process's `gitex.ports.Flights`."""

    shared: SharedFlights
    down: bool = False
    """Whether this process cannot reach the others."""

    async def claim(self, digest: str, gone: str | None = None) -> Claim:
        return self._table().claim(digest, gone)

    async def renew(self, lease: Lease) -> bool:
        return self._table().renew(lease)

    async def land(self, lease: Lease, asset_id: str) -> bool:
        landed = self._table().land(lease, asset_id)
        self.shared.wake(lease.digest)
        return landed

    async def release(self, lease: Lease) -> None:
        self._table().release(lease)
        self.shared.wake(lease.digest)

    async def wait(self, digest: str, seconds: float) -> None:
        news = asyncio.Event()
        self.shared.waiting.append((digest, news))
        tasks = [asyncio.ensure_future(news.wait()), asyncio.ensure_future(self.shared.time.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.shared.waiting.remove((digest, news))
            for task in tasks:
                task.cancel()

    def _table(self) -> FlightTable:
        if self.down:
            raise Unavailable("cut off")
        return self.shared.table
