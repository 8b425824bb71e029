"""What it means for a mint that the contract refuses it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from chain.minting_desk import Desk, View, held
from gitex.errors import Reverted
from gitex.metrics import MINTS
from gitex.minting import Inclusion, MintJob

_PASSING = {"EnforcedPause": "paused", "AccessControlUnauthorizedAccount": "refused"}
"""Errors that the operator or the governance ends, and the problem that they are told as."""
_PAUSE = timedelta(seconds=30)
_UNTIL_FINAL = timedelta(seconds=5)
_SEARCHED_BLOCKS = 5_000
"""How far back the transaction of a token is looked for that no row knows."""
_ZERO = "0x" + "00" * 32


@dataclass(frozen=True)
class Verdict:
    """What becomes of one mint."""

    kind: Literal["again", "failed", "minted"]
    reason: str = ""
    after: timedelta = timedelta(0)
    inclusion: Inclusion | None = None
    """Of one that is minted."""


async def judge(desk: Desk, job: MintJob, refusal: Reverted, view: View) -> Verdict:
    """What becomes of a mint that was refused on its own. Raises `Unavailable`."""
    if refusal.error == "GitexNFT__AlreadyMinted":
        return await _standing(desk, job, view)
    problem = _PASSING.get(refusal.error)
    if problem is not None:
        desk.problems[problem] = refusal.message
        return Verdict("again", refusal.message, _PAUSE)
    return Verdict("failed", refusal.message)


async def carry_out(desk: Desk, job: MintJob, verdict: Verdict) -> None:
    """Write the verdict down. Raises `Unavailable`, `LeaseLost`."""
    ids = [job.mint_id]
    if verdict.kind == "again":
        held(await desk.outbox.again(desk.owner, desk.sender, ids, reason=verdict.reason, after=verdict.after))
        return
    if verdict.inclusion is not None:
        held(await desk.outbox.minted_elsewhere(desk.owner, desk.sender, job.mint_id, verdict.inclusion))
    else:
        held(await desk.outbox.fail(desk.owner, desk.sender, ids, verdict.reason))
    desk.recorder.count(MINTS.name, 1, {"state": "failed" if verdict.inclusion is None else "final"})


async def _standing(desk: Desk, job: MintJob, view: View) -> Verdict:
    """The token stands. Is it the one that was ordered? Then the order is fulfilled, by whatever transaction.

    Seen after a database was restored, or when a node has lost sight of a transaction that was mined all the same.
    """
    made = await _making(desk, job.order.token_id, view)
    if made is None:
        return Verdict("failed", "this asset has its token already")
    recipient, inclusion = made
    if recipient != job.order.recipient:
        return Verdict("failed", f"this asset has its token already; it was minted for {recipient}")
    if inclusion.block_number > view.finalized.number:
        return Verdict("again", "its token stands, in a block that is not final yet", _UNTIL_FINAL)
    return Verdict("minted", inclusion=inclusion)


async def _making(desk: Desk, token_id: int, view: View) -> tuple[str, Inclusion] | None:
    """For whom the token was minted, and by which transaction; None if that was too long ago to be looked for."""
    topics = [desk.nft.topic("Transfer"), _ZERO, None, f"0x{token_id:064x}"]
    first = max(0, view.head.number - _SEARCHED_BLOCKS)
    for log in await desk.node.logs(desk.nft.address, topics, first, view.head.number):
        event = desk.nft.event(log)
        inclusion = await desk.node.inclusion(log.transaction_hash)
        if event is not None and inclusion is not None:
            return event["to"], inclusion
    return None
