"""Any order of what callers, workers and publishers do leaves the rows as a simple model of them says."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gitex.minting import Sender
from tests.fakes.mint_machine import LATER, MintMachine, Worker
from tests.fakes.mint_model import IN_FLIGHT, Expected
from tests.fakes.mint_outbox import (
    CONTRACT,
    OTHER_SENDER,
    SENDER,
    attempt_of,
    inclusion_of,
    open_outbox,
    transaction_of,
)
from tests.fakes.minted_assets import MOMENT

senders = st.sampled_from([SENDER, OTHER_SENDER])
# Mostly those that hold the leases in the beginning.
workers = st.sampled_from(2 * [(SENDER, "one"), (OTHER_SENDER, "two")] + [(SENDER, "two"), (OTHER_SENDER, "one")])
by_the_holder = st.sampled_from([True, True, True, False])
picks = st.lists(st.integers(0, 7), max_size=3, unique=True)


class OutboxMachine(MintMachine):
    """What workers do, and what must be so at any time."""

    @rule(worker=workers)
    def lease(self, worker: Worker) -> None:
        sender, owner = worker
        got = self.run(self.rows.outbox.lease(sender, owner, LATER))
        assert got == (self.model.leases.setdefault(sender, owner) == owner)

    @rule(sender=senders)
    def lease_ends(self, sender: Sender) -> None:
        self.run(self.rows.expire(sender))
        self.model.leases.pop(sender, None)

    @rule(worker=workers)
    def release(self, worker: Worker) -> None:
        sender, owner = worker
        self.run(self.rows.outbox.release(sender, owner))
        if self.model.leases.get(sender) == owner:
            del self.model.leases[sender]

    @rule(worker=workers, limit=st.integers(1, 4))
    def take(self, worker: Worker, limit: int) -> None:
        sender, owner = worker
        jobs = self.run(self.rows.outbox.take(sender, owner, CONTRACT, limit))
        expected = self.model.taken(sender, limit) if self.model.leases.get(sender) == owner else []
        assert [(job.mint_id, job.alone) for job in jobs] == [(i, self.model.mints[i].alone) for i in expected]
        for mint_id in expected:
            self.model.mints[mint_id].taken_by = (sender, owner)

    @rule(worker=workers, chosen=picks, of_taken=by_the_holder, fresh=by_the_holder)
    def sign(self, worker: Worker, chosen: list[int], of_taken: bool, fresh: bool) -> None:
        sender, owner = worker
        taken = [mint_id for mint_id, mint in self.model.mints.items() if mint.taken_by == worker]
        mint_ids = [taken[each] for each in chosen if each < len(taken)] if of_taken else self.ids(chosen)
        used = self.nonces(sender)
        new = transaction_of(len(used), mint_ids, sender)
        if used and not fresh:  # another transaction with a nonce that is used
            new = replace(transaction_of(used[0], mint_ids, sender), attempts=(attempt_of(used[0], 99, sender),))
        allowed = self.model.leases.get(sender) == owner and set(mint_ids) <= set(taken) and self.model.fits(new)
        assert self.run(self.rows.outbox.sign(owner, new)) == allowed
        if allowed:
            self.model.sign(new)

    @precondition(lambda self: self.model.transactions)
    @rule(data=st.data(), held=by_the_holder)
    def fill(self, data: st.DataObject, held: bool) -> None:
        """A nonce that others were thought to have used: something must have it, or nothing behind it goes on."""
        sender, nonce = key = data.draw(st.sampled_from(list(self.model.transactions)))
        owner, number = self.owner(sender, held), 100 + len(self.model.transactions[key].attempts)
        filler = replace(transaction_of(nonce, (), sender), attempts=(attempt_of(nonce, number, sender),))
        allowed = self.model.leases.get(sender) == owner and self.model.fits(filler)
        assert self.run(self.rows.outbox.sign(owner, filler)) == allowed
        if allowed:
            self.model.sign(filler)

    @rule(sender=senders, limit=st.integers(1, 4))
    def take_and_sign(self, sender: Sender, limit: int) -> None:
        """What a worker mostly does."""
        worker = sender, self.model.leases.setdefault(sender, "one")
        assert self.run(self.rows.outbox.lease(*worker, LATER))
        self.take(worker, limit)
        self.sign(worker, list(range(limit)), of_taken=True, fresh=True)

    @precondition(lambda self: self.model.transactions)
    @rule(data=st.data(), held=by_the_holder)
    def replace(self, data: st.DataObject, held: bool) -> None:
        sender, nonce = key = data.draw(st.sampled_from(list(self.model.transactions)))
        old, owner = self.model.transactions[key], self.owner(sender, held)
        attempt = attempt_of(nonce, len(old.attempts), sender, old.newest.max_fee * 2)
        allowed = self.model.leases.get(sender) == owner and old.state in ("signed", "broadcast")
        assert self.run(self.rows.outbox.replace(owner, sender, nonce, attempt)) == allowed
        if allowed:
            self.model.transactions[key] = replace(old, attempts=(*old.attempts, attempt))

    @precondition(lambda self: self.model.transactions)
    @rule(data=st.data(), held=by_the_holder)
    def include(self, data: st.DataObject, held: bool) -> None:
        sender, nonce = key = data.draw(st.sampled_from(list(self.model.transactions)))
        old, owner, carried = self.model.transactions[key], self.owner(sender, held), self.model.carried(key)
        final = data.draw(st.booleans())
        succeeded = bool(carried) if final else data.draw(st.booleans())
        attempt = data.draw(st.sampled_from(old.attempts))
        inclusion = inclusion_of(attempt, nonce + 7, succeeded=succeeded, fee=2**70 + nonce)
        write = self.rows.outbox.final if final else self.rows.outbox.mined
        state: Literal["final", "mined"] = "final" if final else "mined"
        held = self.write(sender, owner, write(owner, sender, nonce, inclusion))
        if held and self.model.move(key, IN_FLIGHT, state, inclusion):
            for mint_id in carried:
                self.model.mints[mint_id].state = state
            if final:
                self.model.fees[key] = inclusion.fee

    @precondition(lambda self: self.model.transactions)
    @rule(data=st.data(), held=by_the_holder, news=st.sampled_from(["broadcast", "unmined", "lost"]))
    def follow(self, data: st.DataObject, held: bool, news: Literal["broadcast", "unmined", "lost"]) -> None:
        sender, nonce = key = data.draw(st.sampled_from(list(self.model.transactions)))
        owner, carried, outbox = self.owner(sender, held), self.model.carried(key), self.rows.outbox
        writes = {"broadcast": outbox.broadcast, "unmined": outbox.unmined, "lost": outbox.lost}
        if not self.write(sender, owner, writes[news](owner, sender, nonce)):
            return
        moves = {"broadcast": ("signed",), "unmined": ("mined",), "lost": IN_FLIGHT}
        if self.model.move(key, moves[news], "lost" if news == "lost" else "broadcast"):
            for mint_id in carried:
                self.model.mints[mint_id].state = "broadcast"
                if news == "lost":
                    self.model.mints[mint_id].let_go()

    @rule(worker=workers, chosen=picks, pause=st.booleans(), alone=st.booleans())
    def again(self, worker: Worker, chosen: list[int], pause: bool, alone: bool) -> None:
        sender, owner = worker
        ids, after = self.ids(chosen), LATER if pause else timedelta(0)
        work = self.rows.outbox.again(owner, sender, ids, reason="later", after=after, alone=alone)
        if self.write(sender, owner, work):
            for mint in self._in_hand(sender, owner, ids):
                mint.let_go()
                mint.due, mint.alone = not pause, mint.alone or alone

    @rule(worker=workers, chosen=picks)
    def fail(self, worker: Worker, chosen: list[int]) -> None:
        sender, owner = worker
        ids = self.ids(chosen)
        if self.write(sender, owner, self.rows.outbox.fail(owner, sender, ids, "refused")):
            for mint in self._in_hand(sender, owner, ids):
                mint.state, mint.taken_by = "failed", None

    @rule(worker=workers, chosen=st.lists(st.integers(0, 7), min_size=1, max_size=1))
    def minted_elsewhere(self, worker: Worker, chosen: list[int]) -> None:
        sender, owner = worker
        for mint_id in self.ids(chosen):
            inclusion = inclusion_of(attempt_of(10**6))
            work = self.rows.outbox.minted_elsewhere(owner, sender, mint_id, inclusion)
            if self.write(sender, owner, work):
                for mint in self._in_hand(sender, owner, [mint_id]):
                    mint.state, mint.taken_by = "final", None

    def _in_hand(self, sender: Sender, owner: str, ids: Sequence[str]) -> list[Expected]:
        return [self.model.mints[each] for each in ids if self.model.in_hand(sender, owner, each)]

    @rule(sender=senders)
    def count(self, sender: Sender) -> None:
        assert self.run(self.rows.outbox.highest_nonce(sender)) == max(self.nonces(sender), default=None)
        assert self.run(self.rows.outbox.committed(sender, MOMENT)) == self.model.committed(sender)

    # What must be so at any time.

    @invariant()
    def mints_are_as_expected(self) -> None:
        shown = {mint.id: mint for mint in self.run(self.rows.all_mints())}
        assert {each: mint.state for each, mint in shown.items()} == {
            each: mint.state for each, mint in self.model.mints.items()
        }
        assert all((mint.state == "final") == (mint.finalized_at is not None) for mint in shown.values())

    @invariant()
    def transactions_are_as_expected_and_no_mint_is_in_two(self) -> None:
        everywhere: list[str] = []
        for sender in (SENDER, OTHER_SENDER):
            found = self.run(self.rows.outbox.in_flight(sender))
            expected = [
                replace(self.model.transactions[key], mint_ids=tuple(self.model.carried(key)))
                for key in self.model.live(sender)
            ]
            assert found == expected
            everywhere += [mint_id for each in found for mint_id in each.mint_ids]
        assert len(everywhere) == len(set(everywhere))


@pytest.fixture
def empty(folder: Path) -> Path:
    """A database with the newest schema and no rows: quicker to copy than to make."""

    async def make() -> None:
        rows = await open_outbox(folder / "empty.db")
        await rows.close()

    asyncio.run(make())
    return folder / "empty.db"


def test_the_outbox_is_as_the_model_says(empty: Path) -> None:
    class Machine(OutboxMachine):
        pass

    Machine.empty = empty
    case = Machine.TestCase()
    case.settings = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    case.runTest()
