"""All of minting in one process. Starts whatever is wrong with the chain, and tries again until that is mended.

It may be killed at any instant, see `chain.minter`.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chain.deposits import DepositIndexer
from chain.fees import FeePolicy
from chain.minter import Minter
from chain.signer import Signer
from chain.signers import open_signer
from chain.site import ChainSite
from chain.vouchers import VoucherDesk
from configs.settings import Settings
from deployments.downstream import BROKEN_SECONDS, IDLE_SECONDS, Looking
from gitex.errors import Conflict, SettingsError, Unavailable
from gitex.minting import MintJob, Sender
from gitex.ports import Recorder
from gitex.vouchers import Voucher
from storage.state import State

log = logging.getLogger("gitex.minting")

_WEI = 10**18
_CHECK_SECONDS = 2.0


class _Opened(NamedTuple):
    """What there is once chain, contracts and keys are usable."""

    vouchers: VoucherDesk
    minters: tuple[Minter, ...]
    deposits: DepositIndexer
    loops: tuple[Looking, ...]


class MintingWork:
    """One worker for each key, and one that books deposits. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        site: ChainSite,
        state: State,
        recorder: Recorder,
        *,
        broken_s: float = BROKEN_SECONDS,
    ) -> None:
        """`broken_s`: seconds between two tries while something cannot be used."""
        self._settings = settings
        self._site = site
        self._state = state
        self._recorder = recorder
        self._opened: _Opened | None = None
        self._problem = "it is just starting"
        self._opening = Looking(self._open, 1, broken_s)

    def wake(self) -> None:
        """There is work."""
        for loop in self._loops():
            loop.wake()

    async def sign_voucher(self, job: MintJob, price: int, deadline: datetime) -> Voucher:
        """See `chain.vouchers`. Raises `Unavailable` as well while no key can be used."""
        if self._opened is None:
            raise Unavailable(self._problem)
        try:
            return await self._opened.vouchers.issue(job, price=price, deadline=deadline)
        except SettingsError as problem:
            raise Unavailable(problem.message, param=problem.param) from problem

    async def degraded(self) -> str:
        """What holds minting up; empty if nothing does."""
        if self._opened is None:
            return self._problem
        try:
            await asyncio.wait_for(self._site.node().check(), _CHECK_SECONDS)
        except (Unavailable, TimeoutError) as problem:
            return str(problem) or "the chain's node does not answer"
        problems = [words for minter in self._opened.minters for words in minter.problems.values()]
        return "; ".join(filter(None, dict.fromkeys([*problems, self._opened.deposits.problem])))

    def check(self) -> None:
        """Raise `EngineFailure` if a worker has ended."""
        for loop in self._loops():
            loop.check()

    async def close(self) -> None:
        """End what is under way, and let another process take over at once."""
        await self._opening.close()
        if self._opened is None:
            return
        await asyncio.gather(*(loop.close() for loop in self._opened.loops))
        for minter in self._opened.minters:
            with suppress(Unavailable):
                await minter.close()

    def _loops(self) -> tuple[Looking, ...]:
        return (self._opening, *(self._opened.loops if self._opened else ()))

    async def _open(self) -> bool:
        """Start the workers as soon as there is all that they need; there is nothing to do here after that."""
        if self._opened is None:
            try:
                self._opened, self._problem = await self._start(), ""
            except (SettingsError, Unavailable) as problem:
                if problem.message != self._problem:
                    log.warning("nothing is minted: %s", problem.message)
                self._problem = problem.message
        return False

    async def _start(self) -> _Opened:
        """Raises `SettingsError`, `Unavailable`."""
        chain, node, contracts = self._site.chain, self._site.node(), self._site.contracts()
        signer = await open_signer(self._settings, chain)
        minters = tuple(self._minter(signer, Sender(chain.chain_id, address)) for address in signer.addresses)
        deposits = DepositIndexer(
            node,
            self._state.credits,
            chain.chain_id,
            contracts.vault,
            contracts.deployed_at_block,
            recorder=self._recorder,
        )
        # Often enough for the chain, and no oftener: somebody else's node may count the questions.
        pause = max(IDLE_SECONDS, chain.block_seconds / 2)
        works = [*(minter.work_once for minter in minters), deposits.work_once]
        return _Opened(
            vouchers=VoucherDesk(signer, signer.addresses[0], chain.chain_id, contracts.nft),
            minters=minters,
            deposits=deposits,
            loops=tuple(Looking(_patient(work), 1, pause) for work in works),
        )

    def _minter(self, signer: Signer, sender: Sender) -> Minter:
        settings = self._settings
        return Minter(
            self._state.outbox,
            self._site.node(),
            signer,
            sender=sender,
            contract=self._site.contracts().nft,
            chain=self._site.chain,
            policy=FeePolicy(_wei(settings.mint_fee_cap), _wei(settings.mint_daily_fee_cap)),
            recorder=self._recorder,
            owner=secrets.token_hex(8),
            batch=settings.mint_batch,
        )


def _patient(work: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    """The work, which waits as well while a signer refuses, or a node hides deposits: a new process would not help."""

    async def once() -> bool:
        try:
            return await work()
        except (SettingsError, Conflict) as problem:
            raise Unavailable(problem.message) from problem

    return once


def _wei(coins: Decimal) -> int:
    return int(coins * _WEI)
