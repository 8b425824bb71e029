"""Mints: one worker of one sender, from durable rows to tokens in blocks that stay."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from chain.contract import Contract
from chain.fees import FeePolicy
from chain.in_flight import InFlight
from chain.minting_desk import Desk, LeaseLost
from chain.node import Node
from chain.signer import Signer
from chain.signing import Signing
from configs.chains import Chain
from gitex.errors import Unavailable, WrongChain
from gitex.minting import Sender
from gitex.ports import MintOutbox, Recorder

LEASE = timedelta(seconds=30)
"""A worker that dies is replaced after this long."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Minter:
    """Any number of them, in any processes, may be started for a sender: the lease lets one work at a time."""

    def __init__(
        self,
        outbox: MintOutbox,
        node: Node,
        signer: Signer,
        *,
        sender: Sender,
        contract: str,
        chain: Chain,
        policy: FeePolicy,
        recorder: Recorder,
        owner: str,
        batch: int = 16,
        lease: timedelta = LEASE,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """`contract`: address of the `GitexNFT`. `owner`: unique among all workers. `batch`: see `Desk`."""
        self._desk = Desk(
            outbox=outbox,
            node=node,
            signer=signer,
            sender=sender,
            nft=Contract("GitexNFT", contract),
            chain=chain,
            policy=policy,
            recorder=recorder,
            owner=owner,
            batch=batch,
            now=now,
        )
        self._in_flight = InFlight(self._desk)
        self._signing = Signing(self._desk, self._in_flight)
        self._lease = lease
        self.problems: dict[str, str] = {}
        """What holds minting up, as of the last pass: kind to words for an operator."""

    async def work_once(self) -> bool:
        """Move this sender's mints on by one pass; whether anything changed, so that there may be more to do.

        Raises `Unavailable` if the database, the node or the signer does not answer.
        """
        desk = self._desk
        desk.problems = {}
        if not await desk.outbox.lease(desk.sender, desk.owner, self._lease):
            self._tell()
            return False
        heart = asyncio.create_task(self._keep_lease())
        try:
            view = await desk.look()
            followed = await self._in_flight.follow(view)
            return await self._signing.sign_next(view) or followed
        except LeaseLost:
            return False
        except Unavailable as problem:
            if "signer" not in desk.problems:
                desk.problems["wrong_chain" if isinstance(problem, WrongChain) else "node"] = problem.message
            raise
        finally:
            heart.cancel()
            await asyncio.wait([heart])
            self._tell()

    async def close(self) -> None:
        """Let another worker take over at once. Nothing may be under way. Raises `Unavailable`."""
        await self._desk.outbox.release(self._desk.sender, self._desk.owner)

    def _tell(self) -> None:
        self.problems = dict(self._desk.problems)
        self._desk.tell_problems(self.problems)

    async def _keep_lease(self) -> None:
        pause = self._lease.total_seconds() / 3
        while True:
            await asyncio.sleep(pause)
            with suppress(Unavailable):
                await self._desk.outbox.lease(self._desk.sender, self._desk.owner, self._lease)
