"""From a finished picture to the asset that is kept of it: its names, whose it is, and what it descends from."""

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime

from gitex.assets import Asset
from gitex.events import ImageOutput
from gitex.ports import AssetStore, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from storage.ipfs.unixfs import FileBuilder

LONGEST_HISTORY = 100
"""Prompts that an asset tells of its ancestors; of a longer line, the last ones."""


async def new_asset(store: AssetStore, spec: ImageSpec, output: ImageOutput, context: RunContext) -> Asset:
    """The asset of a picture that was just made for `context`'s tenant; nothing is kept yet.

    One that began from the very bytes of a stored asset, which the tenant may see, is that asset's child. Raises what
    `AssetStore.find` raises.
    """
    sha256, cid = await asyncio.to_thread(_names, output.content)
    parent = await _parent(store, spec, context)
    before = () if parent is None else parent.prompt_history or (parent.spec.prompt,)
    return Asset(
        id=f"ast_{secrets.token_hex(12)}",
        sha256=sha256,
        media_type=output.media_type,
        size=len(output.content),
        spec=spec,
        stages=output.stages,
        created_at=datetime.now(UTC),
        execution=output.execution,
        cid=cid,
        creator=context.tenant,
        parent_id="" if parent is None else parent.id,
        prompt_history=(*before, spec.prompt)[-LONGEST_HISTORY:],
    )


def _names(content: bytes) -> tuple[str, str]:
    """SHA-256 in hex, and CID: milliseconds that the event loop does not have."""
    builder = FileBuilder()
    builder.skim(content)
    for _ in builder.close():
        pass
    return hashlib.sha256(content).hexdigest(), str(builder.root)


async def _parent(store: AssetStore, spec: ImageSpec, context: RunContext) -> Asset | None:
    if not isinstance(spec.settings, DiffusionSettings) or spec.settings.source is None:
        return None
    # The source is the upload made to fit, which may be other bytes.
    for sha256 in (context.uploaded, spec.settings.source.sha256):
        if sha256 and (parent := await store.find(sha256, context.tenant)) is not None:
            return parent
    return None
