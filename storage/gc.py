"""Sweeping the blob store: what nothing names any more leaves it."""

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.ports import BlobStore
from storage.database import transaction
from storage.tables import AssetRecord, BlockRecord, PublicationRecord

GRACE = timedelta(hours=1)
"""Far longer than it takes from keeping bytes to writing the row that names them."""
_NAMES_AT_ONCE = 500
_SPECS_AT_ONCE = 1000


class Swept(NamedTuple):
    """What a sweep did."""

    removed: int
    """Blobs."""
    freed: int
    """Bytes, with those of drafts that writers left behind."""
    kept: int
    """Blobs."""


async def collect_garbage(engine: AsyncEngine, blobs: BlobStore, grace: timedelta = GRACE) -> Swept:
    """Remove blobs that are older than `grace` and that nothing names.

    Names are: kept assets, the pictures that their specs begin from, blocks of the embedded IPFS node, metadata
    documents of publications. It may run beside everything else as long as `grace` is longer than any request, for
    bytes that somebody puts again become young. Raises `Unavailable`; what was removed until then was rightly removed.
    """
    moment = time.time() - grace.total_seconds()
    begun_from = await _pictures_of_specs(engine)
    removed = kept = 0
    freed = await blobs.sweep(moment)
    old: list[str] = []
    async for name, written in blobs.names():
        if written >= moment or bytes.fromhex(name) in begun_from:
            kept += 1
            continue
        old.append(name)
        if len(old) == _NAMES_AT_ONCE:
            swept = await _remove_unnamed(engine, blobs, old, moment)
            removed, freed, kept, old = removed + swept.removed, freed + swept.freed, kept + swept.kept, []
    swept = await _remove_unnamed(engine, blobs, old, moment)
    return Swept(removed + swept.removed, freed + swept.freed, kept + swept.kept)


async def _remove_unnamed(engine: AsyncEngine, blobs: BlobStore, names: Sequence[str], moment: float) -> Swept:
    removed = freed = 0
    named = await _named(engine, names)
    for name in names:
        if name in named:
            continue
        size = await blobs.size(name) or 0
        # Not if somebody has put the same bytes again since the listing.
        if await blobs.delete(name, written_before=moment):
            removed, freed = removed + 1, freed + size
    return Swept(removed, freed, len(names) - removed)


async def _named(engine: AsyncEngine, names: Sequence[str]) -> set[str]:
    rows = union(
        select(AssetRecord.sha256).where(AssetRecord.sha256.in_(names), AssetRecord.state == "kept"),
        select(BlockRecord.blob).where(BlockRecord.blob.in_(names)),
        select(PublicationRecord.metadata_blob).where(
            PublicationRecord.metadata_blob.in_(names), PublicationRecord.state != "withdrawn"
        ),
    )
    async with transaction(engine) as session:
        return set((await session.scalars(rows)).all())


async def _pictures_of_specs(engine: AsyncEngine) -> set[bytes]:
    """SHA-256 of every source, mask and style that a kept asset's spec names, page by page."""
    found: set[bytes] = set()
    last = ""
    while True:
        page = select(AssetRecord.id, AssetRecord.spec).where(AssetRecord.kind == "edit", AssetRecord.state == "kept")
        async with transaction(engine) as session:
            rows = (
                await session.execute(page.where(AssetRecord.id > last).order_by(AssetRecord.id).limit(_SPECS_AT_ONCE))
            ).all()
        for _, spec in rows:
            found |= _pictures(json.loads(spec)["settings"])
        if len(rows) < _SPECS_AT_ONCE:
            return found
        last = rows[-1][0]


def _pictures(settings: dict[str, Any]) -> set[bytes]:
    source, style = settings.get("source") or {}, settings.get("style") or {}
    named = (source.get("sha256"), source.get("mask"), style.get("sha256"))
    return {bytes.fromhex(name) for name in named if name}
