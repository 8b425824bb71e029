"""The rules of the cluster's single flight, under any order of events."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gitex.flights import Held, Landed, Lease
from storage.flights import FlightTable

LEASE = 6.0
RESULT = 60.0
DIGESTS = st.sampled_from("ab")


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Seen:
    """What the participants know: each lease that was given out, and until when it was said to be good."""

    leases: list[tuple[Lease, float]] = field(default_factory=list)
    given_up: set[int] = field(default_factory=set)
    results: dict[str, tuple[str, int, float]] = field(default_factory=dict)
    """The asset that followers are told, the token that it came with, and until when it is told."""

    def valid(self, digest: str, now: float) -> list[Lease]:
        return [
            lease
            for lease, until in self.leases
            if lease.digest == digest and now < until and lease.token not in self.given_up
        ]


class FlightMachine(RuleBasedStateMachine):
    """Leaders may stop at any moment: a rule that nobody calls any more for a lease is a leader's death."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.table = FlightTable(self.clock, first_token=100, lease_s=LEASE, result_s=RESULT)
        self.seen = Seen()

    @rule(digest=DIGESTS, lost=st.booleans())
    def claim(self, digest: str, lost: bool) -> None:
        told = self.seen.results.get(digest)
        if told is not None and self.clock.seconds >= told[2]:
            told = None
        holders = self.seen.valid(digest, self.clock.seconds)
        claim = self.table.claim(digest, told[0] if told and lost else None)
        match claim:
            case Landed(asset_id):
                assert told is not None
                assert not lost
                assert asset_id == told[0]
            case Held(seconds):
                assert len(holders) == 1
                assert 0 < seconds <= LEASE
            case Lease(token=token):
                assert not holders
                assert told is None or lost
                assert token > max((lease.token for lease, _ in self.seen.leases), default=0)
                self.seen.leases.append((claim, self.clock.seconds + LEASE))
                self.seen.results.pop(digest, None)

    @precondition(lambda self: self.seen.leases)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.seen.leases) - 1))
        lease, _ = self.seen.leases[number]
        valid = lease in self.seen.valid(lease.digest, self.clock.seconds)
        assert self.table.renew(lease) == valid
        if valid:
            self.seen.leases[number] = (lease, self.clock.seconds + LEASE)

    @precondition(lambda self: self.seen.leases)
    @rule(data=st.data(), landing=st.booleans())
    def end(self, data: st.DataObject, landing: bool) -> None:
        lease, _ = data.draw(st.sampled_from(self.seen.leases))
        valid = lease in self.seen.valid(lease.digest, self.clock.seconds)
        asset_id = f"ast_{lease.token}"
        done = self.table.land(lease, asset_id) if landing else self.table.release(lease)
        assert done == valid
        if valid:
            self.seen.given_up.add(lease.token)
        if valid and landing:
            self.seen.results[lease.digest] = (asset_id, lease.token, self.clock.seconds + RESULT)

    @rule(seconds=st.sampled_from([0.5, 2.0, LEASE, RESULT]))
    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @invariant()
    def at_most_one_holds_a_digest(self) -> None:
        for digest in "ab":
            assert len(self.seen.valid(digest, self.clock.seconds)) <= 1

    def teardown(self) -> None:
        """However it ended, and if nobody does anything any more: one lease later the work is somebody's, or done."""
        self.clock.seconds += LEASE
        for digest in "ab":
            assert isinstance(self.table.claim(digest), Lease | Landed)


TestFlights = FlightMachine.TestCase
TestFlights.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def _table(clock: FakeClock) -> FlightTable:
    return FlightTable(clock, first_token=1, lease_s=LEASE, result_s=RESULT)


def _lease(table: FlightTable, digest: str = "a") -> Lease:
    claim = table.claim(digest)
    assert isinstance(claim, Lease)
    return claim


def test_a_late_landing_does_not_overwrite_what_followers_were_told() -> None:
    clock = FakeClock()
    table = _table(clock)
    late = _lease(table)
    clock.seconds = LEASE
    successor = _lease(table)
    assert successor.token > late.token
    assert table.land(successor, "ast_told")
    assert not table.land(late, "ast_late")
    assert table.claim("a") == Landed("ast_told")


def test_what_is_over_is_forgotten() -> None:
    clock = FakeClock()
    table = _table(clock)
    for number in range(50):
        table.land(_lease(table, f"landed {number}"), "ast")
        _lease(table, f"left {number}")
    assert len(table) == 100
    clock.seconds = RESULT
    _lease(table, "new")
    assert len(table) == 1
