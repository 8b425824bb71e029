"""Takes a proposal through the vote, step by step; the next call goes on where the chain stands."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from eth_utils.crypto import keccak

from chain.addresses import Addresses
from chain.contract import Contract
from chain.node import Node
from chain.operator_key import OperatorKey
from chain.reading import read
from gitex.errors import EngineFailure, Reverted

PATIENCE_SECONDS = 120.0
"""The longest that is waited for one step; before a longer one, one is told when to come back."""
VOTE_GAS = 1_500_000
"""About what all steps take together, with room."""
_FOR = 1


class ProposalState(IntEnum):
    """OpenZeppelin's."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


_OVER = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED)


class Action(NamedTuple):
    """One call that governance is to make."""

    contract: Contract
    data: bytes


class Waiting(NamedTuple):
    """Nothing can be done before `until` (Unix seconds), or before others have done something (`until` is 0)."""

    what: str
    until: int


@dataclass(frozen=True)
class Proposal:
    """Calls, and words that make it another proposal than others with the same calls."""

    actions: Sequence[Action]
    description: str

    @property
    def arguments(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values and calls, as the governor wants them."""
        targets = [action.contract.address for action in self.actions]
        return targets, [0] * len(targets), [action.data for action in self.actions]

    @property
    def by_hash(self) -> tuple[list[str], list[int], list[bytes], bytes]:
        """The same with the hash of the description."""
        return (*self.arguments, keccak(text=self.description))


async def proposal_state(node: Node, governor: Contract, proposal_id: int) -> ProposalState | None:
    """None for one that was never proposed. Raises `Unavailable`."""
    try:
        return ProposalState(await read(node, governor, "state", proposal_id))
    except Reverted as refusal:
        if refusal.error == "GovernorNonexistentProposal":
            return None
        raise


@dataclass
class Governance:
    """One key's part in the votes. Raises as `OperatorKey` does."""

    key: OperatorKey
    addresses: Addresses
    patience_s: float = PATIENCE_SECONDS
    _nudged: float = field(default=0.0, init=False)

    @property
    def governor(self) -> Contract:
        """Counts the votes."""
        return Contract("GitexGovernor", self.addresses.governor)

    @property
    def gtx(self) -> Contract:
        """Has the votes."""
        return Contract("GTX", self.addresses.gtx)

    async def carry_out(self, actions: Sequence[Action], description: str) -> Waiting | None:
        """Have governance make these calls; None when it has made them.

        What was voted down, or was not executed in time, is put to the vote anew. Raises `EngineFailure` if that
        happens while this waits.
        """
        proposal = await self._current(actions, description)
        proposal_id = await self.key.read(self.governor, "hashProposal", *proposal.by_hash)
        while (state := await proposal_state(self.key.node, self.governor, proposal_id)) is not ProposalState.EXECUTED:
            if state in _OVER:
                raise EngineFailure(f"{proposal.description}: the proposal was {state.name.lower()}")
            waiting = await self._step(proposal, proposal_id, state)
            if waiting is not None:
                return waiting
        return None

    async def _current(self, actions: Sequence[Action], description: str) -> Proposal:
        """The newest of the proposals with these calls, or the next if that one is over without effect."""
        vote = 1
        while True:
            proposal = Proposal(actions, description if vote == 1 else f"{description} (vote {vote})")
            proposal_id = await self.key.read(self.governor, "hashProposal", *proposal.by_hash)
            if await proposal_state(self.key.node, self.governor, proposal_id) not in _OVER:
                return proposal
            vote += 1

    async def _step(self, proposal: Proposal, proposal_id: int, state: ProposalState | None) -> Waiting | None:
        """Do what is to be done, or wait for it. Not None if that takes too long."""
        what = proposal.description
        match state:
            case None:
                return await self._propose(proposal)
            case ProposalState.PENDING:
                begin = await self.key.read(self.governor, "proposalSnapshot", proposal_id)
                return await self._past(begin + 1, f"{what}: the vote begins")
            case ProposalState.ACTIVE:
                return await self._vote(proposal_id, what)
            case ProposalState.SUCCEEDED:
                await self.key.transact(self.governor, "queue", *proposal.by_hash, what=f"{what}: queued")
            case ProposalState.QUEUED:
                ready = await self.key.read(self.governor, "proposalEta", proposal_id)
                if (waiting := await self._past(ready, f"{what}: it can be executed")) is not None:
                    return waiting
                await self.key.transact(self.governor, "execute", *proposal.by_hash, what=f"{what}: executed")
            case _:
                raise AssertionError(state)
        return None

    async def _propose(self, proposal: Proposal) -> Waiting | None:
        address = self.key.address
        needed = await self.key.read(self.governor, "proposalThreshold")
        head = await self.key.node.head()
        # The governor counts votes as of the second before.
        if await self.key.read(self.gtx, "getPastVotes", address, head.timestamp - 1) < needed:
            if await self.key.read(self.gtx, "getVotes", address) < needed:
                if await self.key.read(self.gtx, "balanceOf", address) < needed:
                    return Waiting(_for_others(proposal, self.governor, needed), 0)
                await self.key.transact(self.gtx, "delegate", address, what=f"{address} votes with its own GTX")
            delegated = (await self.key.node.head()).timestamp
            if (waiting := await self._past(delegated + 1, f"{proposal.description}: votes count")) is not None:
                return waiting
        what = f"{proposal.description}: proposed"
        await self.key.transact(self.governor, "propose", *proposal.arguments, proposal.description, what=what)
        return None

    async def _vote(self, proposal_id: int, what: str) -> Waiting | None:
        address = self.key.address
        begin = await self.key.read(self.governor, "proposalSnapshot", proposal_id)
        has_votes = await self.key.read(self.gtx, "getPastVotes", address, begin) > 0
        if has_votes and not await self.key.read(self.governor, "hasVoted", proposal_id, address):
            await self.key.transact(self.governor, "castVote", proposal_id, _FOR, what=f"{what}: voted for it")
        end = await self.key.read(self.governor, "proposalDeadline", proposal_id)
        return await self._past(end + 1, f"{what}: the vote is over")

    async def _past(self, moment: int, what: str) -> Waiting | None:
        """Wait until the chain's clock is there; not None if that is too far away."""
        told = False
        while (now := (await self.key.node.head()).timestamp) < moment:
            if moment - now > self.patience_s:
                return Waiting(what, moment)
            if not told and moment - now > 2:
                self.key.say(f"{what} in {moment - now} s")
                told = True
            if self.key.chain.is_local and time.time() >= moment:
                await self._nudge()
            await asyncio.sleep(self.key.poll_s)
        return None

    async def _nudge(self) -> None:
        """A development chain without transactions may make no blocks, and its clock stands still."""
        if time.monotonic() - self._nudged >= 1.0:
            self._nudged = time.monotonic()
            await self.key.pass_time()


def _for_others(proposal: Proposal, governor: Contract, needed: int) -> str:
    """What somebody with enough votes has to send."""
    data = governor.encode("propose", *proposal.arguments, proposal.description)
    return (
        f"{proposal.description}: proposing it takes the votes of {needed / 10**18:g} GTX, which this key does not "
        f"have. Have a holder send this to {governor.address}: 0x{data.hex()}"
    )


def action(contract: Contract, function: str, *args: object) -> Action:
    """A call of one of our contracts."""
    return Action(contract, contract.encode(function, *args))
