"""Everything a minter works with: real rows in a database, a strict node in memory, real signatures, a clock."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from chain.fees import FeePolicy
from chain.minter import Minter
from chain.node import Node
from configs.chains import Chain, load_chain
from gitex.errors import Unavailable
from gitex.metrics import MINT_PROBLEM, TRANSACTIONS
from gitex.minting import Mint, MintOrder, Sender
from storage.chain_tables import AttemptRecord, ChainTransactionRecord, MintRecord, TransactionMintRecord
from storage.database import transaction
from storage.mint_outbox import SqlMintOutbox
from storage.mints import SqlMints
from storage.tables import AssetRecord
from tests.fakes.faults import Fuse, Killed
from tests.fakes.key_signer import KeySigner, account
from tests.fakes.minted_assets import asset_of, publication_of
from tests.fakes.stores import MemoryRecorder
from tests.fakes.strict_node import NFT, StrictNode

RECIPIENT = account(5).address
OTHER = account(6).address
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Alert(NamedTuple):
    """A kind of problem, and whether minting is held up by it."""

    problem: str
    value: float


@dataclass
class Stage:
    """`node` may be a real one."""

    engine: AsyncEngine
    node: StrictNode = field(default_factory=StrictNode)
    real_node: Node | None = None
    contract: str = NFT
    chain: Chain = field(default_factory=lambda: load_chain("local"))
    policy: FeePolicy = field(default_factory=lambda: FeePolicy(per_mint=10**16, per_day=10**19))
    signer: KeySigner = field(default_factory=KeySigner)
    recorder: MemoryRecorder = field(default_factory=MemoryRecorder)
    batch: int = 16
    now: datetime | None = _START
    """None for the real time."""
    workers: int = 0
    lease: timedelta = timedelta(seconds=30)

    @property
    def sender(self) -> Sender:
        """The key that mints."""
        return Sender(self.chain.chain_id, self.signer.addresses[0])

    @property
    def outbox(self) -> SqlMintOutbox:
        """The rows as a worker sees them."""
        return SqlMintOutbox(self.engine)

    @property
    def mints(self) -> SqlMints:
        """The rows as callers see them."""
        return SqlMints(self.engine)

    def worker(self, fuse: Fuse | None = None, sender: Sender | None = None) -> Minter:
        """A new one; each has a name of its own."""
        self.workers += 1
        fuse = fuse or Fuse()
        return Minter(
            fuse.guard(self.outbox),
            fuse.guard(self.real_node or self.node),
            fuse.guard(self.signer),
            sender=sender or self.sender,
            contract=self.contract,
            chain=self.chain,
            policy=self.policy,
            recorder=self.recorder,
            owner=f"worker-{self.workers}",
            batch=self.batch,
            lease=self.lease,
            now=lambda: self.now or datetime.now(UTC),
        )

    def happened(self, event: str) -> float:
        """How often that happened to the sender's transactions, as the metric says."""
        return self.recorder.counted(TRANSACTIONS.name, sender=self.sender.address, event=event)

    def alerts(self) -> list[Alert]:
        """What the alert metric was last told of each kind of problem."""
        told = {tags["problem"]: value for metric, value, tags in self.recorder.told if metric == MINT_PROBLEM.name}
        return [Alert(problem, value) for problem, value in told.items()]

    async def order(self, number: int, recipient: str = RECIPIENT, *, published: bool = True) -> Mint:
        """Ask for the mint of an asset, whose rows are made first; each number is another asset."""
        asset = asset_of(number)
        async with transaction(self.engine) as session:
            if await session.get(AssetRecord, asset.id) is None:
                session.add(AssetRecord.of(asset))
                session.add(publication_of(asset, "published" if published else "queued"))
        made = MintOrder(asset.id, asset.sha256, recipient, recipient, 250, self.chain.chain_id, self.contract)
        return await self.mints.request(made)

    async def orders(self, count: int) -> list[Mint]:
        """That many of them."""
        return [await self.order(number) for number in range(count)]

    async def expire_lease(self) -> None:
        """As if the time of the lease were over."""
        await self.outbox.release(self.sender, f"worker-{self.workers}")

    async def make_due(self) -> None:
        """As if all pauses were over."""
        async with transaction(self.engine) as session:
            await session.execute(update(MintRecord).values(next_at=_START))

    async def forget_transactions(self) -> None:
        """As in an older copy of the database: the mints are reserved, and nothing was signed."""
        async with transaction(self.engine) as session:
            for record in (TransactionMintRecord, AttemptRecord, ChainTransactionRecord):
                await session.execute(delete(record))
            await session.execute(update(MintRecord).values(state="reserved", sender="", nonce=None))

    async def work(self, minter: Minter, passes: int = 12) -> None:
        """Some passes, with a block after each."""
        for _ in range(passes):
            await self.make_due()
            with suppress(Unavailable):
                await minter.work_once()
            self.node.mine()

    async def killed(self, fuse: Fuse, passes: int = 12) -> bool:
        """Work until the fuse blows, if it does; then the lease ends."""
        try:
            await self.work(self.worker(fuse), passes)
        except Killed:
            return True
        finally:
            await self.expire_lease()
        return False

    async def states(self, mints: Sequence[Mint]) -> Counter[str]:
        """How many of them are in each state."""
        return Counter([(await self.mints.get(mint.id)).state for mint in mints])

    async def assert_each_minted_once(self, mints: Sequence[Mint]) -> None:
        """All are final, the chain says the same, and no nonce is open."""
        assert await self.states(mints) == {"final": len(mints)}
        assert self.node.tokens == {mint.order.token_id: mint.order.recipient for mint in mints}
        assert not await self.outbox.in_flight(self.sender)
        assert not self.node.pool
