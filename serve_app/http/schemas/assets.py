"""Bodies about stored assets."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from gitex.assets import Asset, AssetKind, AssetQuery
from serve_app.http.schemas.provenance import Provenance


class AssetBody(BaseModel):
    """A stored picture."""

    id: str
    object: Literal["asset"] = "asset"
    created: int = Field(description="Unix seconds")
    kind: AssetKind = Field(description="`edit`: it began from a picture; `animation`: an animated WebP")
    media_type: str
    bytes: int
    url: str
    cid: str | None = Field(None, description="CIDv1 of the bytes")
    creator: str = Field(description="the `user` of the request that made it")
    public: bool = Field(description="whether others than its creator may see it")
    parent: str | None = Field(None, description="the asset that it began from")
    prompt_history: list[str] = Field(description="the prompts from its first ancestor's to its own")
    gitex: Provenance

    @classmethod
    def of(cls, asset: Asset, url: str) -> Self:
        """The body of `asset`, whose bytes are at `url`."""
        return cls(
            id=asset.id,
            created=int(asset.created_at.timestamp()),
            kind=asset.kind,
            media_type=asset.media_type,
            bytes=asset.size,
            url=url,
            cid=asset.cid or None,
            creator=asset.creator,
            public=asset.public,
            parent=asset.parent_id or None,
            prompt_history=list(asset.prompt_history),
            gitex=Provenance.of(asset, "stored"),
        )


class AssetFilters(BaseModel):
    """Which stored pictures to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    after: str = Field("", max_length=200, description="`next` of the page before")
    kind: AssetKind | None = Field(None, description="only such")
    variant: str = Field("", max_length=256, description="only those of this `name@version`")
    parent: str = Field("", max_length=64, description="only those that began from this asset")
    text: str = Field("", max_length=1000, description="only those with this in the prompt, in any case")
    user: str | None = Field(None, max_length=200, description="who asks, as `user` in calls for pictures")

    def query(self) -> AssetQuery:
        """The same in our words."""
        viewer = self.user or "anonymous"
        return AssetQuery(viewer, self.kind, self.variant, self.parent, self.text, self.after, self.limit)


class AssetListBody(BaseModel):
    """Some stored pictures, newest first."""

    object: Literal["list"] = "list"
    data: list[AssetBody]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    next: str | None = Field(None, description="what to give as `after` for the page that follows")


class DeletedAssetBody(BaseModel):
    """A picture that is gone."""

    id: str
    object: Literal["asset.deleted"] = "asset.deleted"
    deleted: Literal[True] = True
