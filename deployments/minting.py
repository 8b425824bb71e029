"""Minting as a Serve deployment of one actor: the only process of the service that has keys."""

from datetime import datetime

from ray.serve import Deployment

from chain.site import ChainSite
from configs.settings import Settings
from deployments.downstream import one_actor
from deployments.minting_work import MintingWork
from deployments.recorder import RayRecorder
from gitex.minting import MintJob
from gitex.vouchers import Voucher
from storage.state import open_state


class Minting:
    """Mints, books deposits and signs vouchers, see `deployments.minting_work`."""

    # Ray Serve awaits it; mypy does not know of such constructors.
    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        recorder = RayRecorder()
        self._site = ChainSite(settings)
        self._state = await open_state(settings, recorder)
        self._work = MintingWork(settings, self._site, self._state, recorder)

    def wake(self) -> None:
        """There is work."""
        self._work.wake()

    async def sign_voucher(self, job: MintJob, price: int, deadline: datetime) -> Voucher:
        """A voucher for the job's order, at a price in wei. Raises `Unavailable`, `InvalidInput`."""
        return await self._work.sign_voucher(job, price, deadline)

    async def degraded(self) -> str:
        """What holds minting up; empty if nothing does."""
        return await self._work.degraded()

    def check_health(self) -> None:
        """For Ray Serve."""
        self._work.check()

    async def __del__(self) -> None:
        await self._work.close()
        await self._site.close()
        await self._state.close()


MINTING: Deployment = one_actor(Minting).options(name="minting")
