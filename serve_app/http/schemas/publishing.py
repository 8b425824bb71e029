"""Bodies of publications and pins."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from gitex.publishing import Pin, PinState, PublicationState
from serve_app.services.publishing import Published


class PinBody(BaseModel):
    """One root at one target, as last seen."""

    target: str = Field(description="the pin target: `embedded`, `kubo` or `pinning-service`")
    cid: str
    state: PinState
    reason: str | None = Field(None, description="why it failed")
    remote_id: str | None = Field(None, description="the target's own name for the request")
    checked_at: datetime | None = None

    @classmethod
    def of(cls, pin: Pin) -> "PinBody":
        """One row as a body."""
        return cls(
            target=pin.target,
            cid=pin.cid,
            state=pin.status.state,
            reason=pin.status.reason or None,
            remote_id=pin.status.remote_id or None,
            checked_at=pin.checked_at,
        )


class PublicationBody(BaseModel):
    """Where the publication of an asset stands."""

    object: Literal["publication"] = "publication"
    asset_id: str
    state: PublicationState
    cid: str | None = Field(None, description="of the picture")
    metadata_cid: str | None = Field(None, description="of the metadata document")
    metadata_uri: str | None = Field(None, description="what a token's `tokenURI` says")
    quorum: int = Field(description="how many targets must have it")
    reason: str | None = Field(None, description="what the targets that do not have it said")
    updated_at: datetime
    pins: list[PinBody]

    @classmethod
    def of(cls, published: Published, quorum: int) -> "PublicationBody":
        """A publication as a body."""
        publication = published.publication
        return cls(
            asset_id=publication.asset_id,
            state=publication.state,
            cid=publication.cid or None,
            metadata_cid=publication.metadata_cid or None,
            metadata_uri=f"ipfs://{publication.metadata_cid}" if publication.metadata_cid else None,
            quorum=quorum,
            reason=publication.reason or None,
            updated_at=publication.updated_at,
            pins=[PinBody.of(pin) for pin in published.pins],
        )
