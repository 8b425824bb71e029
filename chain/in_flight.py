"""Follows signed transactions until they are final: sends them, raises fees, sees them mined, replaced or lost."""

import asyncio
import dataclasses
from datetime import timedelta

from chain.fees import Fees, replacement
from chain.minting_desk import Desk, View, held
from chain.node import Call
from chain.signer import UnsignedTransaction
from gitex.errors import Reverted, TransactionRefused, Unavailable
from gitex.metrics import MINT_FEES_WEI, MINT_SECONDS, MINTS
from gitex.minting import Attempt, ChainTransaction, Inclusion

_ONE_DAY = timedelta(days=1)


class InFlight:
    """The transactions of one sender between their signature and their final block.

    What is stored is the truth: every step may be done twice, and whoever takes over goes on from the rows.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def follow(self, view: View) -> bool:
        """Move each on as far as the chain allows; whether anything changed. Raises `Unavailable`, `LeaseLost`."""
        transactions = await self._desk.outbox.in_flight(self._desk.sender)
        included = await asyncio.gather(*(self._inclusion(transaction) for transaction in transactions))
        changed = False
        for transaction, inclusion in zip(transactions, included, strict=True):
            is_next = transaction.nonce == view.nonce
            if inclusion is not None:
                changed |= await self._included(transaction, inclusion, view)
            else:
                changed |= await self._not_included(transaction, view, is_next=is_next)
        return changed

    async def send(self, transaction: ChainTransaction) -> bool:
        """Hand its newest attempt to the node; whether it is there now. Raises `Unavailable`, `LeaseLost`."""
        desk = self._desk
        try:
            await desk.node.send(transaction.newest.raw)
        except TransactionRefused as refusal:
            # A nonce that is used: the next look finds out by whom. Fees that are too low are raised when it is time.
            if refusal.why == "insufficient_funds":
                desk.problems["funds"] = f"{desk.sender.address} cannot pay: {refusal.message}"
            elif refusal.why == "other":
                desk.problems["refused"] = refusal.message
            return False
        if transaction.state == "signed":
            held(await desk.outbox.broadcast(desk.owner, desk.sender, transaction.nonce))
        return True

    async def _inclusion(self, transaction: ChainTransaction) -> Inclusion | None:
        """Any attempt may be the one: a miner may take an older one than the newest."""
        for attempt in reversed(transaction.attempts):
            inclusion = await self._desk.node.inclusion(attempt.hash)
            if inclusion is not None:
                return inclusion
        return None

    async def _included(self, transaction: ChainTransaction, inclusion: Inclusion, view: View) -> bool:
        desk, changed = self._desk, False
        known = (transaction.state, transaction.mined_hash, transaction.block_hash)
        if known != ("mined", inclusion.transaction_hash, inclusion.block_hash):
            held(await desk.outbox.mined(desk.owner, desk.sender, transaction.nonce, inclusion))
            desk.count("mined")
            changed = True
        if inclusion.block_number > view.finalized.number:
            return changed
        # The receipt may be of a block that was replaced since.
        if await desk.node.block_hash(inclusion.block_number) != inclusion.block_hash:
            return changed
        await self._finish(transaction, inclusion)
        return True

    async def _finish(self, transaction: ChainTransaction, inclusion: Inclusion) -> None:
        desk, mints = self._desk, transaction.mint_ids
        if not inclusion.succeeded:
            await self._let_go(transaction, inclusion)
            mints = ()
        held(await desk.outbox.final(desk.owner, desk.sender, transaction.nonce, inclusion))
        desk.count("final" if inclusion.succeeded else "reverted")
        desk.recorder.count(MINT_FEES_WEI.name, inclusion.fee, {"sender": desk.sender.address})
        if mints:
            seconds = (desk.now() - transaction.attempts[0].created_at).total_seconds()
            desk.recorder.count(MINTS.name, len(mints), {"state": "final"})
            desk.recorder.observe(MINT_SECONDS.name, seconds, {"chain": str(desk.sender.chain_id)})

    async def _let_go(self, transaction: ChainTransaction, inclusion: Inclusion) -> None:
        """A reverted batch is tried one by one. A single mint that was reverted on chain has cost its fee, and is not
        tried again by itself: a recipient may pass every estimate and still refuse.
        """
        desk, mints = self._desk, transaction.mint_ids
        if not mints:
            return
        reason = await self._why_reverted(transaction, inclusion)
        if len(mints) > 1:
            pause = timedelta(0)
            held(await desk.outbox.again(desk.owner, desk.sender, mints, reason=reason, after=pause, alone=True))
        else:
            held(await desk.outbox.fail(desk.owner, desk.sender, mints, reason))
            desk.recorder.count(MINTS.name, len(mints), {"state": "failed"})

    async def _why_reverted(self, transaction: ChainTransaction, inclusion: Inclusion) -> str:
        call = Call(transaction.to, transaction.data, self._desk.sender.address)
        try:
            await self._desk.node.call(call, block=inclusion.block_number)
        except Reverted as refusal:
            return refusal.message
        return "the contract refused it in its block, and takes it afterwards"

    async def _not_included(self, transaction: ChainTransaction, view: View, *, is_next: bool) -> bool:
        desk = self._desk
        if transaction.state == "mined":
            held(await desk.outbox.unmined(desk.owner, desk.sender, transaction.nonce))
            desk.count("reorganised")
        if view.nonce > transaction.nonce:
            return await self._nonce_is_used(transaction, view)
        fresh = await self._replaced(transaction, view) if is_next else None
        if fresh is not None:
            return await self.send(fresh)
        if transaction.state == "signed":
            return await self.send(transaction)
        if await desk.node.knows(transaction.newest.hash):
            return False
        desk.count("resent")
        return await self.send(transaction)

    async def _nonce_is_used(self, transaction: ChainTransaction, view: View) -> bool:
        """By one of ours, mined since we looked, or by one that is not ours. Only what is final tells."""
        inclusion = await self._inclusion(transaction)
        if inclusion is not None:
            return await self._included(transaction, inclusion, view)
        if view.final_nonce <= transaction.nonce:
            return False
        held(await self._desk.outbox.lost(self._desk.owner, self._desk.sender, transaction.nonce))
        self._desk.count("lost")
        return True

    async def _replaced(self, transaction: ChainTransaction, view: View) -> ChainTransaction | None:
        """With higher fees, if it has waited for too long and the caps allow it. The new form is stored, not sent."""
        desk, old = self._desk, transaction.newest
        patience = timedelta(seconds=desk.chain.replace_after_blocks * desk.chain.block_seconds)
        if desk.now() - old.created_at < patience:
            return None
        most = await self._most_per_gas(transaction)
        fees = replacement(Fees(old.max_fee, old.priority_fee), view.head, view.priority_fee, most)
        if fees is None:
            desk.problems["fee_cap"] = f"nonce {transaction.nonce} waits for lower fees: the cap allows no higher ones"
            return None
        call = Call(transaction.to, transaction.data, desk.sender.address)
        attempt = await signed_attempt(desk, transaction.nonce, call, transaction.gas, fees)
        held(await desk.outbox.replace(desk.owner, desk.sender, transaction.nonce, attempt))
        desk.count("replaced")
        return dataclasses.replace(transaction, attempts=(*transaction.attempts, attempt))

    async def _most_per_gas(self, transaction: ChainTransaction) -> int:
        desk = self._desk
        committed = await desk.outbox.committed(desk.sender, desk.now() - _ONE_DAY)
        # Its own worst case is among what is committed, and is replaced.
        today = desk.policy.per_day - committed + transaction.gas * transaction.newest.max_fee
        return min(desk.policy.per_mint * max(1, len(transaction.mint_ids)), today) // transaction.gas


async def signed_attempt(desk: Desk, nonce: int, call: Call, gas: int, fees: Fees) -> Attempt:
    """One signed form of a transaction, not yet stored. Raises `Unavailable` if the signer does not answer."""
    unsigned = UnsignedTransaction(
        chain_id=desk.sender.chain_id,
        nonce=nonce,
        to=call.to,
        data=call.data,
        gas=gas,
        max_fee=fees.max_fee,
        priority_fee=fees.priority_fee,
    )
    try:
        signed = await desk.signer.sign_transaction(desk.sender.address, unsigned)
    except Unavailable as problem:
        desk.problems["signer"] = problem.message
        raise
    return Attempt(signed.hash, signed.raw, fees.max_fee, fees.priority_fee, desk.now())
