"""Publishing: content that is pinned on IPFS, and where it stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PinState = Literal["queued", "pinning", "pinned", "failed"]
"""The states of the Pinning Service API; every target uses them."""

PublicationState = Literal["queued", "pinning", "published", "failed", "withdrawn"]
"""`queued`: nothing was tried yet. `pinning`: too few targets have it so far. `published`: enough have it. `failed`: so
many targets refuse it that there can never be enough. `withdrawn`: its asset is deleted and no target keeps it."""


@dataclass(frozen=True)
class Content:
    """One file to pin. Its bytes lie in the blob store."""

    cid: str
    """CIDv1, base32: the root of its UnixFS DAG, computed by us."""
    name: str
    blob: str
    """SHA-256 of the bytes, in hex: where the blob store has them."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class PinStatus:
    """What a target says of one root."""

    state: PinState
    remote_id: str = ""
    """The target's own name for the request; empty where it has none."""
    reason: str = ""
    """Why it failed; empty otherwise."""


@dataclass(frozen=True)
class Pin:
    """One root at one target, as last seen."""

    cid: str
    target: str
    asset_id: str
    status: PinStatus
    updated_at: datetime
    """When the status last changed. Aware, UTC."""
    checked_at: datetime | None = None
    """When the target was last asked. Aware, UTC."""


@dataclass(frozen=True)
class Publication:
    """The way of one asset to its targets."""

    asset_id: str
    cid: str
    """Of the picture; empty until it is known, for assets from before CIDs were recorded."""
    metadata_cid: str
    """Of the metadata document; empty until it is written."""
    state: PublicationState
    attempts: int
    reason: str
    """Why the last attempt did not reach the end; empty otherwise."""
    updated_at: datetime
    """Aware, UTC."""
