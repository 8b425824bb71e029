"""Bodies about stored assets."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.assets import Asset
from serve_app.http.schemas.provenance import Provenance


class AssetBody(BaseModel):
    """A stored picture."""

    id: str
    object: Literal["asset"] = "asset"
    created: int = Field(description="Unix seconds")
    media_type: str
    bytes: int
    url: str
    gitex: Provenance

    @classmethod
    def of(cls, asset: Asset, url: str) -> Self:
        """The body of `asset`, whose bytes are at `url`."""
        return cls(
            id=asset.id,
            created=int(asset.created_at.timestamp()),
            media_type=asset.media_type,
            bytes=asset.size,
            url=url,
            gitex=Provenance.of(asset, "stored"),
        )
