"""Assets for tests of minting, and how their publications stand."""

import hashlib
from datetime import UTC, datetime

from gitex.assets import Asset
from gitex.events import StageSeconds
from gitex.publishing import PublicationState
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from storage.ipfs.unixfs import file_cid
from storage.tables import PublicationRecord

WEIGHTS = "5" * 64
MOMENT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def asset_of(number: int) -> Asset:
    """A public asset; each number is another one."""
    picture = f"picture {number}".encode()
    spec = ImageSpec(
        variant=Variant("starter-diffusion", 2, f"sha256:{WEIGHTS}"),
        prompt=f"a star and {number} rings ☆",
        width=128,
        height=128,
        seed=number,
        settings=DiffusionSettings(steps=4, guidance_scale=1.0, sampler="ddim"),
    )
    return Asset(
        id=f"ast_{number}",
        sha256=hashlib.sha256(picture).hexdigest(),
        media_type="image/png",
        size=len(picture),
        spec=spec,
        stages=StageSeconds(),
        created_at=MOMENT,
        cid=str(file_cid([picture])),
        prompt_history=("a star", spec.prompt),
    )


def document_of(asset_id: str) -> bytes:
    """What stands in for an asset's metadata."""
    return f"metadata of {asset_id}".encode()


def publication_of(asset: Asset, state: PublicationState) -> PublicationRecord:
    """Its row; the document's CID is known when it is published."""
    document = document_of(asset.id)
    return PublicationRecord(
        asset_id=asset.id,
        cid=asset.cid,
        metadata_cid=str(file_cid([document])) if state == "published" else "",
        metadata_blob=hashlib.sha256(document).hexdigest(),
        state=state,
    )
