"""A digest's work is done once in the whole cluster: this process's part in that."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from gitex.errors import Unavailable
from gitex.flights import Claim, Landed, Lease
from gitex.metrics import FLIGHTS
from gitex.ports import Flights, Recorder

log = logging.getLogger("gitex.generation")
Sleep = Callable[[float], Awaitable[None]]
# How often a run that could not ask anybody tries to tell the others that it runs.
ALONE_SECONDS = 2.0


class OneProcess:
    """A `gitex.ports.Flights` where there is no other process."""

    async def claim(self, digest: str, gone: str | None = None) -> Claim:
        """Every run leads."""
        return Lease(digest, 0, seconds=3600.0)

    async def renew(self, lease: Lease) -> bool:
        """Nobody takes it away."""
        return True

    async def land(self, lease: Lease, asset_id: str) -> bool:
        """Nobody follows."""
        return True

    async def release(self, lease: Lease) -> None:
        """Nobody waits for it."""

    async def wait(self, digest: str, seconds: float) -> None:
        """There is no other's flight."""


class Lead:
    """A run of this process, and its lease; without one while nobody else can be reached: then it runs alone."""

    def __init__(self, flights: Flights, recorder: Recorder, digest: str, lease: Lease | None) -> None:
        self._flights = flights
        self._recorder = recorder
        self._digest = digest
        self._lease = lease

    async def land(self, asset_id: str) -> bool:
        """Tell the followers; False if they were told something else, since another process took over."""
        lease, self._lease = self._lease, None
        part = "alone"
        if lease is not None:
            with suppress(Unavailable):
                part = "led" if await self._flights.land(lease, asset_id) else "stale"
        if part == "alone":
            self._lease = lease
        self._recorder.count(FLIGHTS.name, 1, {"part": part})
        return part != "stale"

    async def give_up(self) -> None:
        """Let a follower take over, if there was no landing."""
        if self._lease is not None:
            with suppress(Unavailable):
                await self._flights.release(self._lease)

    async def keep(self, sleep: Sleep) -> None:
        """Renew the lease in time, until cancelled or until another process has landed."""
        while True:
            await sleep(ALONE_SECONDS if self._lease is None else self._lease.seconds / 3)
            with suppress(Unavailable):
                if self._lease is not None and await self._flights.renew(self._lease):
                    continue
                # It ran out, or whoever keeps the leases forgot them; nobody need have taken over yet.
                claim = await self._flights.claim(self._digest)
                if isinstance(claim, Landed):
                    return
                if isinstance(claim, Lease):
                    self._lease = claim


class ClusterFlights:
    """Finds the one process that does a digest's work."""

    def __init__(self, flights: Flights, recorder: Recorder, sleep: Sleep = asyncio.sleep) -> None:
        self._flights = flights
        self._recorder = recorder
        self._sleep = sleep

    async def claim(self, digest: str, gone: str | None = None) -> Claim | None:
        """As `Flights.claim`; None if the others cannot be reached, so that one goes on alone."""
        try:
            return await self._flights.claim(digest, gone)
        except Unavailable as problem:
            log.info("running %s alone: %s", digest, problem)
            return None

    async def wait(self, digest: str, seconds: float) -> None:
        """As `Flights.wait`."""
        await self._flights.wait(digest, seconds)

    def followed(self) -> None:
        """Count a picture that another process made."""
        self._recorder.count(FLIGHTS.name, 1, {"part": "followed"})

    @asynccontextmanager
    async def leading(self, digest: str, lease: Lease | None) -> AsyncIterator[Lead]:
        """Hold the lease meanwhile; leaving without `Lead.land` lets a follower take over at once."""
        lead = Lead(self._flights, self._recorder, digest, lease)
        keeping = asyncio.create_task(lead.keep(self._sleep))
        try:
            yield lead
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            if not keeping.cancelled() and (error := keeping.exception()) is not None:
                log.error("the lease of %s was not renewed: %r", digest, error)
            await lead.give_up()
