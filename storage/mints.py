"""The orders of tokens, as callers see them."""

import secrets

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from gitex.errors import Conflict, NotFound
from gitex.minting import Mint, MintOrder
from storage.chain_tables import IdempotencyKeyRecord, MintRecord
from storage.columns import utc_now
from storage.database import transaction
from storage.mint_rows import mint, mint_rows
from storage.statements import insert_into
from storage.tables import AssetRecord


class SqlMints:
    """Implements `gitex.ports.Mints` on the rows of `mints`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def request(self, order: MintOrder, *, idempotency_key: str = "") -> Mint:
        """Reserve the mint; durable when this returns.

        The same order again is the same mint; one that failed is tried again, as it is ordered now. Raises `Conflict`
        if the asset is being minted, or was, for another recipient on this contract, and if the idempotency key was
        used for another order of an asset of the same creator.
        """
        try:
            async with transaction(self._engine) as session:
                if idempotency_key:
                    await _claim_key(session, order, idempotency_key)
                await _reserve(session, order)
                found = (await session.execute(mint_rows().where(MintRecord.key == order.key))).first()
                if found is None:
                    raise _other_recipient(order)
                return mint(found)
        except IntegrityError as problem:  # one that had failed, and whose token is somebody else's by now
            raise _other_recipient(order) from problem

    async def get(self, mint_id: str) -> Mint:
        """The mint of that id. Raises `NotFound`."""
        async with transaction(self._engine) as session:
            found = (await session.execute(mint_rows().where(MintRecord.id == mint_id))).first()
        if found is None:
            raise NotFound(f"there is no mint {mint_id!r}", param="id")
        return mint(found)

    async def of_asset(self, asset_sha256: str, chain_id: int, contract: str) -> Mint | None:
        """The mint of an asset with these bytes that has not failed, else the one that failed last."""
        rows = mint_rows().where(
            MintRecord.asset_sha256 == asset_sha256, MintRecord.chain_id == chain_id, MintRecord.contract == contract
        )
        failed_last = (MintRecord.state == "failed", MintRecord.updated_at.desc(), MintRecord.id)
        async with transaction(self._engine) as session:
            found = (await session.execute(rows.order_by(*failed_last).limit(1))).first()
        return None if found is None else mint(found)


async def _claim_key(session: AsyncSession, order: MintOrder, idempotency_key: str) -> None:
    creator = await session.scalar(select(AssetRecord.creator).where(AssetRecord.id == order.asset_id)) or ""
    await session.execute(
        insert_into(session, IdempotencyKeyRecord)
        .values(creator=creator, key=idempotency_key, order_key=order.key)
        .on_conflict_do_nothing()
    )
    used_for = await session.scalar(
        select(IdempotencyKeyRecord.order_key).where(
            IdempotencyKeyRecord.creator == creator, IdempotencyKeyRecord.key == idempotency_key
        )
    )
    if used_for != order.key:
        raise Conflict("Idempotency-Key: it was used for another order", param="Idempotency-Key")


async def _reserve(session: AsyncSession, order: MintOrder) -> None:
    """The order's row, or none if another one has its token. Raises `IntegrityError` as well in that case."""
    now = utc_now()
    terms = {"asset_id": order.asset_id, "creator": order.creator, "royalty_bps": order.royalty_bps}
    await session.execute(
        insert_into(session, MintRecord)
        .values(
            id=f"mnt_{secrets.token_hex(12)}",
            key=order.key,
            asset_sha256=order.asset_sha256,
            recipient=order.recipient,
            chain_id=order.chain_id,
            contract=order.contract,
            **terms,
        )
        .on_conflict_do_nothing()
    )
    await session.execute(
        update(MintRecord)
        .where(MintRecord.key == order.key, MintRecord.state == "failed")
        .values(
            state="reserved", reason="", sender="", nonce=None, lease_owner="", next_at=now, updated_at=now, **terms
        )
    )


def _other_recipient(order: MintOrder) -> Conflict:
    return Conflict(
        f"asset {order.asset_id!r} is being minted, or was, for another recipient on this contract", param="recipient"
    )
