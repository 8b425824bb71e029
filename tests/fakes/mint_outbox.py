"""The real rows of minting, in a database of a test's own, with assets that wait to be minted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.assets import Asset
from gitex.minting import Attempt, ChainTransaction, Inclusion, Mint, MintOrder, Sender
from gitex.publishing import PublicationState
from storage.chain_tables import ChainSenderRecord, MintRecord
from storage.columns import utc_now
from storage.database import open_database, transaction
from storage.ipfs.unixfs import file_cid
from storage.mint_outbox import SqlMintOutbox
from storage.mint_rows import mint, mint_rows
from storage.mints import SqlMints
from storage.tables import AssetRecord, PublicationRecord
from tests.fakes.minted_assets import MOMENT, asset_of, document_of, publication_of

CHAIN_ID = 31337
CONTRACT = "0x" + "C0" * 20
ALICE = "0x" + "A1" * 20
BOB = "0x" + "B0" * 20
SENDER = Sender(CHAIN_ID, "0x" + "50" * 20)
OTHER_SENDER = Sender(CHAIN_ID, "0x" + "51" * 20)


@dataclass
class MintRows:
    """One database, as callers, workers and publishers write to it."""

    engine: AsyncEngine
    requested: list[Mint] = field(default_factory=list)

    @property
    def mints(self) -> SqlMints:
        """As callers see them."""
        return SqlMints(self.engine)

    @property
    def outbox(self) -> SqlMintOutbox:
        """As workers see them."""
        return SqlMintOutbox(self.engine)

    async def save(self, number: int, publication: PublicationState | None = "published") -> Asset:
        """An asset and how its publication stands, None for one that nobody asked for. Each number is another one."""
        asset = asset_of(number)
        async with transaction(self.engine) as session:
            session.add(AssetRecord.of(asset))
            if publication is not None:
                session.add(publication_of(asset, publication))
        return asset

    async def request(self, numbers: Sequence[int], publication: PublicationState | None = "published") -> list[Mint]:
        """Save these assets, and ask for their mints."""
        assets = [await self.save(number, publication) for number in numbers]
        mints = [await self.mints.request(order_of(asset)) for asset in assets]
        self.requested += mints
        return mints

    async def take(self, limit: int = 100, sender: Sender = SENDER, owner: str = "one") -> list[str]:
        """The ids of what that worker takes."""
        return [job.mint_id for job in await self.outbox.take(sender, owner, CONTRACT, limit)]

    async def sign_new(self, nonce: int, count: int = 2) -> ChainTransaction:
        """A transaction, signed by the worker `one`, that carries new mints and whatever else is to be had."""
        await self.request(range(len(self.requested), len(self.requested) + count))
        signed = transaction_of(nonce, await self.take())
        assert await self.outbox.sign("one", signed)
        return signed

    async def states(self, mint_ids: Sequence[str]) -> list[str]:
        """How these mints stand."""
        return [(await self.mints.get(each)).state for each in mint_ids]

    async def all_mints(self) -> list[Mint]:
        """Every one, in any order."""
        async with transaction(self.engine) as session:
            return [mint(row) for row in await session.execute(mint_rows())]

    async def expire(self, sender: Sender = SENDER) -> None:
        """As if the time of the sender's lease were over."""
        ended = update(ChainSenderRecord).where(ChainSenderRecord.address == sender.address)
        async with transaction(self.engine) as session:
            await session.execute(ended.values(lease_until=utc_now() - timedelta(seconds=1)))

    async def make_due(self) -> None:
        """As if all pauses were over."""
        async with transaction(self.engine) as session:
            await session.execute(update(MintRecord).values(next_at=MOMENT))

    async def publish(self, asset_id: str) -> None:
        """As if a publisher had brought it about."""
        document = document_of(asset_id)
        changed = update(PublicationRecord).where(PublicationRecord.asset_id == asset_id)
        async with transaction(self.engine) as session:
            await session.execute(changed.values(state="published", metadata_cid=str(file_cid([document]))))

    async def set_publication(self, asset_id: str, state: PublicationState, reason: str = "") -> None:
        """As if a publisher had settled it."""
        changed = update(PublicationRecord).where(PublicationRecord.asset_id == asset_id)
        async with transaction(self.engine) as session:
            await session.execute(changed.values(state=state, reason=reason))

    async def close(self) -> None:
        """Close the database."""
        await self.engine.dispose()


async def open_rows(url: str, mints: int = 0) -> MintRows:
    """The rows of that database, with so many assets saved, published and asked to be minted."""
    rows = MintRows(await open_database(url))
    await rows.request(range(mints))
    return rows


async def open_outbox(path: Path, mints: int = 0) -> MintRows:
    """The same, in a SQLite file."""
    return await open_rows(f"sqlite+aiosqlite:///{path}", mints)


def order_of(asset: Asset, recipient: str = ALICE) -> MintOrder:
    """Of the asset's token."""
    return MintOrder(asset.id, asset.sha256, recipient, ALICE, 250, CHAIN_ID, CONTRACT)


def attempt_of(nonce: int, number: int = 0, sender: Sender = SENDER, max_fee: int = 10**9) -> Attempt:
    """A form of a transaction; nothing in it is signed."""
    raw = f"{sender} {nonce} {number}".encode()
    return Attempt("0x" + hashlib.sha256(raw).hexdigest(), raw, max_fee, max_fee // 10, MOMENT)


def transaction_of(
    nonce: int, mint_ids: Sequence[str] = (), sender: Sender = SENDER, gas: int = 200_000
) -> ChainTransaction:
    """A new transaction that carries those mints."""
    attempts = (attempt_of(nonce, sender=sender),)
    return ChainTransaction(sender, nonce, CONTRACT, b"\0call", gas, "signed", attempts, tuple(mint_ids))


def inclusion_of(attempt: Attempt, block: int = 7, *, succeeded: bool = True, fee: int = 5) -> Inclusion:
    """That attempt in a block."""
    return Inclusion(attempt.hash, block, f"0x{block:064x}", succeeded, fee)
