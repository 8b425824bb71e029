"""The rows of minting as a few dictionaries: what the real ones must be like after the same calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gitex.minting import ChainTransaction, Inclusion, Sender, TransactionState

IN_FLIGHT = ("signed", "broadcast", "mined")
Key = tuple[Sender, int]


@dataclass
class Expected:
    """What a mint must be like."""

    state: str = "reserved"
    taken_by: tuple[Sender, str] | None = None
    carrier: Key | None = None
    due: bool = True
    published: bool = True
    deleted: bool = False
    alone: bool = False

    def let_go(self) -> None:
        self.state, self.taken_by, self.carrier, self.due = "reserved", None, None, True


@dataclass
class Model:
    """The rows, as dictionaries."""

    leases: dict[Sender, str] = field(default_factory=dict)
    mints: dict[str, Expected] = field(default_factory=dict)
    """In the order of their requests."""
    transactions: dict[Key, ChainTransaction] = field(default_factory=dict)
    fees: dict[Key, int] = field(default_factory=dict)

    def carried(self, key: Key) -> list[str]:
        """Those that have not been let go."""
        ids = self.transactions[key].mint_ids
        return [each for each in ids if self.mints[each].carrier == key and self.mints[each].state in IN_FLIGHT]

    def fits(self, new: ChainTransaction) -> bool:
        """Whether its nonce is free: one without mints may have that of a transaction that is lost."""
        old = self.transactions.get((new.sender, new.nonce))
        return old is None or (old.state == "lost" and not new.mint_ids)

    def sign(self, new: ChainTransaction) -> None:
        """Keep it, and what its nonce was tried with before."""
        key = (new.sender, new.nonce)
        before = self.transactions[key].attempts if key in self.transactions else ()
        added = tuple(attempt for attempt in new.attempts if attempt not in before)
        self.transactions[key] = replace(new, attempts=before + added)
        for mint_id in new.mint_ids:
            mint = self.mints[mint_id]
            mint.state, mint.taken_by, mint.carrier = "signed", None, key

    def in_hand(self, sender: Sender, owner: str, mint_id: str) -> bool:
        """Whether that worker may decide about it."""
        mint = self.mints[mint_id]
        if mint.state == "reserved":
            return mint.taken_by == (sender, owner)
        return mint.state in IN_FLIGHT and mint.carrier is not None and mint.carrier[0] == sender

    def free_for(self, sender: Sender, mint: Expected) -> bool:
        """Whether that sender's worker may take it."""
        if mint.taken_by is None or mint.taken_by[0] == sender:
            return True
        return self.leases.get(mint.taken_by[0]) != mint.taken_by[1]

    def taken(self, sender: Sender, limit: int) -> list[str]:
        """What that sender's worker gets: in passes over so many, until one finds something, or nothing at all."""
        while True:
            seen = [
                (mint_id, mint)
                for mint_id, mint in self.mints.items()
                if mint.state == "reserved" and mint.due and self.free_for(sender, mint)
                if mint.published or mint.deleted
            ][:limit]
            for _, mint in seen:
                if mint.deleted:
                    mint.state, mint.taken_by = "failed", None
            fine = [mint_id for mint_id, mint in seen if not mint.deleted]
            if fine or not seen:
                return fine

    def live(self, sender: Sender) -> list[Key]:
        """The transactions in flight, by nonce."""
        return sorted(key for key, each in self.transactions.items() if key[0] == sender and each.state in IN_FLIGHT)

    def committed(self, sender: Sender) -> int:
        """In wei."""
        in_flight = [self.transactions[key] for key in self.live(sender)]
        worst = sum(each.gas * each.newest.max_fee for each in in_flight)
        return worst + sum(fee for (owner, _), fee in self.fees.items() if owner == sender)

    def move(self, key: Key, states: Sequence[str], to: TransactionState, inclusion: Inclusion | None = None) -> bool:
        """Whether the transaction went into another state."""
        old = self.transactions[key]
        if old.state not in states:
            return False
        place = ("", None, "") if inclusion is None else inclusion[:3]
        self.transactions[key] = replace(old, state=to, mined_hash=place[0], block_number=place[1], block_hash=place[2])
        return True
