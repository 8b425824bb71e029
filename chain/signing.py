"""Turns reserved mints into a signed, stored transaction: one at a time, several mints in it when many wait."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chain.fees import Fees, offer
from chain.in_flight import InFlight, signed_attempt
from chain.mint_calls import mint_call
from chain.minting_desk import Desk, View, held
from chain.node import Call
from chain.verdicts import carry_out, judge
from gitex.errors import InsufficientFunds, Reverted, Unavailable
from gitex.metrics import MINTS
from gitex.minting import Attempt, ChainTransaction, MintJob

MAX_IN_FLIGHT = 16
"""Transactions of a sender between signature and finality's first sight: nodes hold few of one sender."""
MAX_GAP = 64
"""The most unused nonces that are filled, one a pass, and the most that a node is believed about others' at once."""
_DOUBT = timedelta(minutes=10)
"""How long a node must go on saying that many nonces were used by others, before that is believed."""
_ONE_DAY = timedelta(days=1)
_SOON, _LATER = timedelta(seconds=5), timedelta(seconds=60)
_FILLER_GAS = 21_000


class _Waits(Exception):
    """A limit or an empty purse holds mints up: to be tried again after `after`."""

    def __init__(self, problem: str, reason: str, after: timedelta) -> None:
        super().__init__(reason)
        self.problem, self.reason, self.after = problem, reason, after


class Signing:
    """Signs for one sender. Nothing is sent that is not stored first, under the nonce that follows the stored ones."""

    def __init__(self, desk: Desk, in_flight: InFlight) -> None:
        self._desk = desk
        self._in_flight = in_flight
        self._doubts_since: datetime | None = None

    async def sign_next(self, view: View) -> bool:
        """Sign and send one transaction, if there is something to mint; whether anything changed.

        Raises `Unavailable`, `LeaseLost`.
        """
        desk = self._desk
        under_way = await desk.outbox.in_flight(desk.sender)
        unmined = [transaction for transaction in under_way if transaction.state != "mined"]
        if len(unmined) >= MAX_IN_FLIGHT:
            return False
        nonce = await self._next_nonce(view, under_way)
        if nonce is None:
            return False
        if under_way and nonce < under_way[0].nonce:
            return await self._fill(nonce, view)
        jobs = await desk.outbox.take(desk.sender, desk.owner, desk.nft.address, desk.batch)
        group, rest = _one_transaction(jobs)
        await self._again(rest, "", timedelta(0))
        return bool(group) and await self._mint(group, nonce, view, under_way)

    async def _next_nonce(self, view: View, under_way: Sequence[ChainTransaction]) -> int | None:
        """The lowest nonce that nothing was signed with; None while it cannot be told.

        Nonces that we did not use count only when they are final: a node that is ahead of the truth, or behind it,
        makes us wait, never skip one.
        """
        desk = self._desk
        highest = await desk.outbox.highest_nonce(desk.sender)
        following = view.final_nonce if highest is None else highest + 1
        if self._believes(view.final_nonce - following):
            following = max(following, view.final_nonce)
        if view.nonce > following:
            desk.problems["nonce"] = (
                f"the node counts {view.nonce} transactions of {desk.sender.address}, we know of {following}: "
                "waiting until the others are final"
            )
            return None
        first = under_way[0].nonce if under_way else following
        if view.nonce >= first:
            return following
        # Nonces below the first that is under way, which the chain has not seen: it would wait for them for ever.
        if first - view.nonce > MAX_GAP:
            desk.problems["nonce"] = (
                f"the node counts {view.nonce} transactions of {desk.sender.address}, but {first} were used: "
                "it lags far behind, or its chain was reset"
            )
            return None
        return view.nonce if under_way else following

    def _believes(self, others: int) -> bool:
        """Whether that many final transactions are others', as the node says. A lie would make a gap as wide."""
        if others <= MAX_GAP:
            self._doubts_since = None
            return True
        self._doubts_since = self._doubts_since or self._desk.now()
        return self._desk.now() - self._doubts_since >= _DOUBT

    async def _fill(self, nonce: int, view: View) -> bool:
        """Use up a nonce that nothing was signed with, with a transaction that does nothing."""
        desk = self._desk
        desk.problems["nonce"] = f"nonce {nonce} was never used: filling it"
        fees = offer(view.head, view.priority_fee, desk.policy.per_mint // _FILLER_GAS)
        if fees is None:
            desk.problems["fee_cap"] = f"filling nonce {nonce} would cost more than a mint may"
            return False
        call = Call(to=desk.sender.address, data=b"", sender=desk.sender.address)
        desk.count("filler")
        attempt = await signed_attempt(desk, nonce, call, _FILLER_GAS, fees)
        await self._store_and_send(call, nonce, _FILLER_GAS, attempt, ())
        return True

    async def _mint(
        self, jobs: Sequence[MintJob], nonce: int, view: View, under_way: Sequence[ChainTransaction]
    ) -> bool:
        desk = self._desk
        call = mint_call(desk.nft, desk.sender.address, jobs)
        try:
            estimate = await desk.node.estimate(call)
            gas = estimate + estimate // 5
            fees = await self._affordable(gas, len(jobs), view, under_way)
            attempt = await signed_attempt(desk, nonce, call, gas, fees)
        except Reverted as refusal:
            await self._sort_out(jobs, refusal, view)
            return True
        except _Waits as wait:
            desk.problems[wait.problem] = wait.reason
            await self._again(jobs, wait.reason, wait.after)
            return False
        except InsufficientFunds as problem:
            desk.problems["funds"] = problem.message
            await self._again(jobs, problem.message, _SOON)
            return False
        except Unavailable as problem:
            await self._again(jobs, problem.message, _SOON)
            raise
        # From here on the mints are the transaction's: whatever happens, it decides about them.
        await self._store_and_send(call, nonce, gas, attempt, jobs)
        return True

    async def _sort_out(self, jobs: Sequence[MintJob], refusal: Reverted, view: View) -> None:
        """Find those that the contract refuses on their own; the others go on without them."""
        desk = self._desk
        if len(jobs) == 1:
            await carry_out(desk, jobs[0], await judge(desk, jobs[0], refusal, view))
            return
        good = []
        for job in jobs:
            try:
                await desk.node.estimate(mint_call(desk.nft, desk.sender.address, [job]))
                good.append(job)
            except Reverted as reason:
                await carry_out(desk, job, await judge(desk, job, reason, view))
        # Each is fine, and together they are not: too much for one block.
        await self._again(good, "", timedelta(0), alone=len(good) == len(jobs))

    async def _affordable(self, gas: int, mints: int, view: View, under_way: Sequence[ChainTransaction]) -> Fees:
        """The fees to begin with. Raises `_Waits` if a cap or the purse does not allow any."""
        desk = self._desk
        fees = offer(view.head, view.priority_fee, desk.policy.per_mint * mints // gas)
        if fees is None:
            now = view.head.base_fee + view.priority_fee
            raise _Waits("fee_cap", f"a mint would cost {now * gas // mints} wei now, over its cap", _LATER)
        worst = gas * fees.max_fee
        if await desk.outbox.committed(desk.sender, desk.now() - _ONE_DAY) + worst > desk.policy.per_day:
            raise _Waits("fee_cap", "the cap of what a day's mints may cost is reached", _LATER)
        owed = sum(
            transaction.gas * transaction.newest.max_fee for transaction in under_way if not transaction.mined_hash
        )
        purse = await desk.node.balance(desk.sender.address)
        if purse < owed + worst:
            missing = owed + worst - purse
            raise _Waits("funds", f"{desk.sender.address} lacks {missing} wei to pay for it", _SOON)
        return fees

    async def _store_and_send(
        self, call: Call, nonce: int, gas: int, attempt: Attempt, jobs: Sequence[MintJob]
    ) -> None:
        desk = self._desk
        transaction = ChainTransaction(
            sender=desk.sender,
            nonce=nonce,
            to=call.to,
            data=call.data,
            gas=gas,
            state="signed",
            attempts=(attempt,),
            mint_ids=tuple(job.mint_id for job in jobs),
        )
        held(await desk.outbox.sign(desk.owner, transaction))
        desk.count("signed")
        desk.recorder.count(MINTS.name, len(jobs), {"state": "signed"})
        await self._in_flight.send(transaction)

    async def _again(self, jobs: Sequence[MintJob], reason: str, after: timedelta, *, alone: bool = False) -> None:
        desk = self._desk
        if jobs:
            ids = [job.mint_id for job in jobs]
            held(await desk.outbox.again(desk.owner, desk.sender, ids, reason=reason, after=after, alone=alone))


def _one_transaction(jobs: Sequence[MintJob]) -> tuple[Sequence[MintJob], Sequence[MintJob]]:
    """Those to be minted together, and the rest: one that is to be alone goes alone."""
    if jobs and jobs[0].alone:
        return jobs[:1], jobs[1:]
    return [job for job in jobs if not job.alone], [job for job in jobs if job.alone]
