"""The embedded cluster-wide single flight: one Ray actor, and its client."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TypeVar

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

from deployments.cache import NAMESPACE
from deployments.clocks import MonotonicClock
from gitex.errors import Unavailable
from gitex.flights import Claim, Lease
from storage.flights import FlightTable, Wakes

log = logging.getLogger("gitex.deployments")
CALL_SECONDS = 0.25
POLL_SECONDS = 2.0
# Calls at once: one for each process and digest that waits, and room for the acts that end the waiting.
# Not Ray's concurrency groups: each has an event loop of its own, and waking would have to cross them.
SLOTS = 10_000
T = TypeVar("T")


class FlightsActor:
    """Holds who leads which digest. A restarted one knows nothing and gives larger tokens than its forerunner."""

    def __init__(self) -> None:
        self._table = FlightTable(MonotonicClock(), first_token=time.time_ns() // 1000)
        self._wakes = Wakes()

    async def claim(self, digest: str, gone: str | None) -> Claim:
        """A fresh result, else who leads, else the lease."""
        return self._table.claim(digest, gone)

    async def renew(self, lease: Lease) -> bool:
        """Hold it for its full length again."""
        return self._table.renew(lease)

    async def land(self, lease: Lease, asset_id: str) -> bool:
        """Tell the followers the result."""
        landed = self._table.land(lease, asset_id)
        if landed:
            self._wakes.wake(lease.digest)
        return landed

    async def release(self, lease: Lease) -> None:
        """Give it up without a result."""
        if self._table.release(lease):
            self._wakes.wake(lease.digest)

    async def wait(self, digest: str, seconds: float) -> None:
        """Return on news of the digest, or after `seconds`."""
        await self._wakes.wait(digest, seconds)


class ActorFlights:
    """A `gitex.ports.Flights` in front of the actor."""

    def __init__(self) -> None:
        self._actor: ActorHandle = (
            ray.remote(FlightsActor)
            .options(
                num_cpus=0,
                max_restarts=-1,
                max_concurrency=SLOTS,
                name="flights",
                namespace=NAMESPACE,
                get_if_exists=True,
                lifetime="detached",  # else it would die with the first process that asked for it
            )
            .remote()
        )

    async def claim(self, digest: str, gone: str | None = None) -> Claim:
        """A fresh result, else who leads, else the lease."""
        return await _answer(self._actor.claim.remote(digest, gone))

    async def renew(self, lease: Lease) -> bool:
        """Hold it for its full length again; False if it has expired or was given up."""
        return await _answer(self._actor.renew.remote(lease))

    async def land(self, lease: Lease, asset_id: str) -> bool:
        """Tell the followers the result and give up the lease; False if it is no longer held."""
        return await _answer(self._actor.land.remote(lease, asset_id))

    async def release(self, lease: Lease) -> None:
        """Give it up without a result."""
        await _answer(self._actor.release.remote(lease))

    async def wait(self, digest: str, seconds: float) -> None:
        """Return on news, or when it is time to ask again."""
        seconds = min(seconds, POLL_SECONDS)
        try:
            await asyncio.wait_for(self._actor.wait.remote(digest, seconds), seconds + CALL_SECONDS)
        except (RayError, TimeoutError) as problem:
            log.warning("the flights' actor did not answer: %s", type(problem).__name__)
            await asyncio.sleep(CALL_SECONDS)

    async def check(self) -> None:
        """Raise `Unavailable` if the actor does not answer."""
        await _answer(self._actor.__ray_ready__.remote())


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(call, CALL_SECONDS)
    except (RayError, TimeoutError) as problem:
        raise Unavailable(f"the flights' actor does not answer: {type(problem).__name__}") from problem
