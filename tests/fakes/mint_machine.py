"""The rows of minting beside their model: what callers and publishers do, in any order."""

import asyncio
import itertools
import shutil
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from gitex.minting import Mint, Sender
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from tests.fakes.mint_model import Expected, Model
from tests.fakes.mint_outbox import OTHER_SENDER, SENDER, MintRows, open_outbox

LATER = timedelta(hours=1)
T = TypeVar("T")
Worker = tuple[Sender, str]
picks = st.lists(st.integers(0, 7), max_size=3, unique=True)


class MintMachine(RuleBasedStateMachine):
    """Two senders, and up to eight assets. What workers do is added by the test."""

    empty: Path
    """A database of the newest schema without rows: quicker to copy than to make."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=self.empty.parent)
        self.runner = asyncio.Runner()
        self.model = Model()
        self.numbers = itertools.count()
        self.known: dict[str, Mint] = {}

    @initialize()
    def open(self) -> None:
        path = Path(self.folder.name) / "gitex.db"
        shutil.copy(self.empty, path)
        self.rows: MintRows = self.run(open_outbox(path))
        # A test survives no power failure: its commits need not wait for the disk.
        event.listen(self.rows.engine.sync_engine, "checkout", _sync_nothing)
        for sender, owner in ((SENDER, "one"), (OTHER_SENDER, "two")):
            assert self.run(self.rows.outbox.lease(sender, owner, LATER))
            self.model.leases[sender] = owner
        for _ in range(4):
            self.request(published=True)
        self.assets = SqlAssetStore(self.rows.engine, LocalBlobStore(Path(self.folder.name)))

    def teardown(self) -> None:
        self.run(self.rows.close())
        self.runner.close()
        self.folder.cleanup()

    def run(self, work: Awaitable[T]) -> T:
        async def whole() -> T:
            return await work

        return self.runner.run(whole())

    def ids(self, chosen: Sequence[int]) -> list[str]:
        known = list(self.model.mints)
        return [known[each] for each in chosen if each < len(known)]

    def nonces(self, sender: Sender) -> list[int]:
        return [nonce for owner, nonce in self.model.transactions if owner == sender]

    def owner(self, sender: Sender, held: bool) -> str:
        """Who holds the sender's lease, or somebody who does not."""
        return self.model.leases.get(sender, "nobody") if held else "somebody else"

    def write(self, sender: Sender, owner: str, work: Awaitable[bool]) -> bool:
        """Do it; whether the worker held the lease, as the answer must say."""
        held = self.model.leases.get(sender) == owner
        assert self.run(work) == held
        return held

    @precondition(lambda self: len(self.model.mints) < 8)
    @rule(published=st.booleans())
    def request(self, published: bool) -> None:
        (mint,) = self.run(self.rows.request([next(self.numbers)], "published" if published else "pinning"))
        self.model.mints[mint.id] = Expected(published=published)
        self.known[mint.id] = mint

    @rule(chosen=picks)
    def request_again(self, chosen: list[int]) -> None:
        for mint_id in self.ids(chosen):
            self.run(self.rows.mints.request(self.known[mint_id].order))
            if self.model.mints[mint_id].state == "failed":
                self.model.mints[mint_id].let_go()

    @rule(chosen=picks)
    def publish(self, chosen: list[int]) -> None:
        for mint_id in self.ids(chosen):
            self.run(self.rows.publish(self.known[mint_id].order.asset_id))
            self.model.mints[mint_id].published = True

    @rule(chosen=st.lists(st.integers(0, 7), max_size=1))
    def delete(self, chosen: list[int]) -> None:
        for mint_id in self.ids(chosen):
            if not self.model.mints[mint_id].deleted:
                self.run(self.assets.delete(self.known[mint_id].order.asset_id, None))
                self.model.mints[mint_id].deleted = True

    @rule()
    def all_pauses_end(self) -> None:
        self.run(self.rows.make_due())
        for mint in self.model.mints.values():
            mint.due = True


def _sync_nothing(connection: DBAPIConnection, *_: object) -> None:
    connection.cursor().execute("PRAGMA synchronous=OFF")
