"""Which reserved mints a worker may take, and what their transactions need."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from gitex.errors import InvalidInput
from gitex.metadata import canonical_json
from gitex.minting import MAX_PROMPT_BYTES, MintJob, Sender
from storage.chain_tables import ChainSenderRecord, MintRecord
from storage.columns import utc_now
from storage.ipfs.cid import Cid
from storage.mint_rows import order
from storage.tables import AssetRecord, PublicationRecord

_CODECS = {"raw": 0x55, "dag-pb": 0x70}
_GONE = AssetRecord.state.is_distinct_from("kept")
_UNPUBLISHABLE = PublicationRecord.state.in_(("failed", "withdrawn"))
_PUBLISHED = and_(PublicationRecord.state == "published", PublicationRecord.metadata_cid != "")


async def take_jobs(session: AsyncSession, sender: Sender, owner: str, contract: str, limit: int) -> list[MintJob]:
    """Mints that are due and whose assets are published, the oldest first; they are `owner`'s from now on.

    Those that it has taken before and not let go are among them. Those that can never be minted as they are have failed
    instead. The sender's lease is `owner`'s in this transaction.
    """
    while True:
        jobs: list[MintJob] = []
        hopeless = defaultdict[str, list[str]](list)
        for row in await _oldest(session, sender, contract, limit):
            job = _job(row)
            if isinstance(job, MintJob):
                jobs.append(job)
            else:
                hopeless[job].append(row.MintRecord.id)
        for reason, mint_ids in hopeless.items():
            await _write(session, mint_ids, state="failed", reason=reason, lease_owner="", updated_at=utc_now())
        if jobs or not hopeless:
            break
    await _write(session, [job.mint_id for job in jobs], sender=sender.address, lease_owner=owner)
    return jobs


async def _oldest(session: AsyncSession, sender: Sender, contract: str, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    # FOR UPDATE is for PostgreSQL; on SQLite, which has no such words, the file is locked already.
    rows = (
        select(
            MintRecord,
            AssetRecord.state.label("asset"),
            AssetRecord.prompt_history,
            AssetRecord.weights_digest,
            PublicationRecord.state.label("publication"),
            PublicationRecord.reason.label("publication_reason"),
            PublicationRecord.metadata_cid,
        )
        .outerjoin(AssetRecord, AssetRecord.id == MintRecord.asset_id)
        .outerjoin(PublicationRecord, PublicationRecord.asset_id == MintRecord.asset_id)
        .where(
            MintRecord.chain_id == sender.chain_id,
            MintRecord.contract == contract,
            MintRecord.state == "reserved",
            MintRecord.next_at <= utc_now(),
            _is_free_for(sender),
            or_(_GONE, _UNPUBLISHABLE, _PUBLISHED),
        )
        .order_by(MintRecord.created_at, MintRecord.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=MintRecord)
    )
    return (await session.execute(rows)).all()


def _is_free_for(sender: Sender) -> ColumnElement[bool]:
    """Nobody has taken it whose lease still runs. What this sender's worker has taken is the present worker's."""
    holder = ChainSenderRecord
    held = exists().where(
        holder.chain_id == MintRecord.chain_id,
        holder.address == MintRecord.sender,
        holder.lease_owner == MintRecord.lease_owner,
        holder.lease_until > utc_now(),
    )
    return or_(MintRecord.lease_owner == "", MintRecord.sender == sender.address, ~held)


def _job(row: Row[*tuple[Any, ...]]) -> MintJob | str:
    """What is to be minted, or why it cannot be."""
    if row.asset != "kept":
        return "its asset was deleted"
    if row.publication != "published":
        return f"its asset could not be published: {row.publication_reason or row.publication}"
    record = cast(MintRecord, row.MintRecord)
    prompt = canonical_json(json.loads(row.prompt_history))
    if len(prompt) > MAX_PROMPT_BYTES:
        return f"its prompt history has {len(prompt)} bytes, and a token holds {MAX_PROMPT_BYTES}"
    try:
        cid = Cid.parse(row.metadata_cid)
        model_digest = _sha256(row.weights_digest)
    except (InvalidInput, ValueError) as problem:
        return f"its provenance cannot be written on chain: {problem}"
    return MintJob(
        mint_id=record.id,
        order=order(record),
        metadata_codec=_CODECS[cid.codec],
        metadata_digest=cid.digest,
        model_digest=model_digest,
        prompt=prompt,
        alone=record.alone,
    )


def _sha256(weights_digest: str) -> bytes:
    kind, _, digits = weights_digest.partition(":")
    if kind != "sha256" or len(digits) != 64:
        raise ValueError(f"{weights_digest!r} is not the SHA-256 of a model's weights")
    return bytes.fromhex(digits)


async def _write(session: AsyncSession, mint_ids: Sequence[str], **values: object) -> None:
    if mint_ids:
        await session.execute(update(MintRecord).where(MintRecord.id.in_(mint_ids)).values(**values))
