"""The SQL tables. A record is one row; nothing outside `storage` sees it.

Types are those that SQLite and PostgreSQL keep alike. A change here needs a revision in `storage/migrations/versions`.
"""

import json
import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gitex.assets import Asset
from gitex.events import Execution, StageSeconds
from gitex.specs import image_spec_from_json
from storage.columns import PlainString, UtcDateTime, folded, utc_now

_ID = PlainString(64)
_CID = PlainString(128)
_TENANT = PlainString(256)


class Record(DeclarativeBase):
    """The base of all tables."""


class AssetRecord(Record):
    """One asset; its bytes lie in the blob store. What stands beside `spec` and is said there too is for queries."""

    __tablename__ = "assets"
    __table_args__ = (
        Index("ix_assets_newest", "created_at", "id"),
        Index("ix_assets_variant", "variant", "created_at", "id"),
        Index("ix_assets_kind", "kind", "created_at", "id"),
        Index("ix_assets_parent", "parent_id", "created_at", "id"),
        Index("ix_assets_creator", "creator", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    spec: Mapped[str] = mapped_column(Text)
    """`ImageSpec.canonical()`."""
    stages: Mapped[str] = mapped_column(Text)
    """JSON of `StageSeconds`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    execution: Mapped[str | None] = mapped_column(Text)
    """JSON of `Execution`."""
    cid: Mapped[str] = mapped_column(_CID, index=True)
    spec_digest: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    variant: Mapped[str] = mapped_column(PlainString(256))
    """`name@version`."""
    weights_digest: Mapped[str] = mapped_column(String(80), index=True)
    prompt_folded: Mapped[str] = mapped_column(Text)
    """`folded(prompt)`."""
    creator: Mapped[str] = mapped_column(_TENANT)
    public: Mapped[bool] = mapped_column(Boolean)
    parent_id: Mapped[str] = mapped_column(_ID)
    prompt_history: Mapped[str] = mapped_column(Text)
    """JSON list."""
    state: Mapped[str] = mapped_column(String(16))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    @classmethod
    def of(cls, asset: Asset) -> "AssetRecord":
        """The row that keeps `asset`."""
        return cls(
            id=asset.id,
            sha256=asset.sha256,
            media_type=asset.media_type,
            size=asset.size,
            spec=asset.spec.canonical(),
            stages=json.dumps(asdict(asset.stages), sort_keys=True),
            created_at=asset.created_at,
            execution=None if asset.execution is None else json.dumps(asdict(asset.execution), sort_keys=True),
            cid=asset.cid,
            spec_digest=asset.spec.digest(),
            kind=asset.kind,
            variant=asset.spec.variant.id,
            weights_digest=asset.spec.variant.weights_digest,
            prompt_folded=folded(asset.spec.prompt),
            creator=asset.creator,
            public=asset.public,
            parent_id=asset.parent_id,
            prompt_history=json.dumps(asset.prompt_history),
            state=asset.state,
            deleted_at=asset.deleted_at,
        )

    def asset(self) -> Asset:
        """The asset that this row keeps."""
        return Asset(
            id=self.id,
            sha256=self.sha256,
            media_type=self.media_type,
            size=self.size,
            spec=image_spec_from_json(self.spec),
            stages=StageSeconds(**json.loads(self.stages)),
            created_at=self.created_at,
            execution=None if self.execution is None else _execution(self.execution),
            cid=self.cid,
            creator=self.creator,
            public=self.public,
            parent_id=self.parent_id,
            prompt_history=tuple(json.loads(self.prompt_history)),
            state=cast(Literal["kept", "deleted"], self.state),
            deleted_at=self.deleted_at,
        )


def _execution(text: str) -> Execution:
    fields = json.loads(text)
    return Execution(**{**fields, "versions": tuple(fields["versions"])})


class PublicationRecord(Record):
    """The way of one asset to its targets, and who works on it. Written in the transaction that writes the asset."""

    __tablename__ = "publications"
    __table_args__ = (Index("ix_publications_due", "state", "next_at"),)

    asset_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    cid: Mapped[str] = mapped_column(_CID, index=True)
    metadata_cid: Mapped[str] = mapped_column(_CID, default="")
    """Empty until the document is written."""
    metadata_blob: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the document: keeps its bytes from being swept away."""
    state: Mapped[str] = mapped_column(String(16), default="queued")
    """`gitex.publishing.PublicationState`."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    """Not to be taken up before."""
    lease_owner: Mapped[str] = mapped_column(_ID, default="")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why the last attempt failed."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class PinRecord(Record):
    """A root at a target, as last seen."""

    __tablename__ = "pins"
    __table_args__ = (Index("ix_pins_state", "target", "state", "checked_at"),)

    cid: Mapped[str] = mapped_column(_CID, primary_key=True)
    target: Mapped[str] = mapped_column(_ID, primary_key=True)
    asset_id: Mapped[str] = mapped_column(_ID, index=True)
    state: Mapped[str] = mapped_column(String(16))
    """`gitex.publishing.PinState`."""
    remote_id: Mapped[str] = mapped_column(String(256), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class BlockRecord(Record):
    """One block of a root that the embedded node holds: a slice of a blob."""

    __tablename__ = "blocks"

    root: Mapped[str] = mapped_column(_CID, primary_key=True)
    cid: Mapped[str] = mapped_column(_CID, primary_key=True, index=True)
    blob: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of the blob."""
    offset: Mapped[int] = mapped_column(BigInteger)
    """In bytes, as `size`."""
    size: Mapped[int] = mapped_column(BigInteger)


class CacheWriteRecord(Record):
    """A picture that the prompt cache is still to be told of. Written in the transaction that writes the asset."""

    __tablename__ = "cache_writes"
    __table_args__ = (Index("ix_cache_writes_oldest", "created_at", "id"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True, default=lambda: secrets.token_hex(16))
    digest: Mapped[str] = mapped_column(String(64))
    """Of the spec."""
    asset_id: Mapped[str] = mapped_column(_ID, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)


class TemplateRecord(Record):
    """A prompt with typed slots. Never changed: who wants another one gives it another name."""

    __tablename__ = "templates"
    __table_args__ = (Index("ix_templates_newest", "created_at", "id"),)

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    text: Mapped[str] = mapped_column(Text)
    slots: Mapped[str] = mapped_column(Text)
    """`gitex.templates.slots_to_json`."""
    seed: Mapped[str] = mapped_column(String(20))
    """In decimal: it may be over what the databases' integers hold."""
    creator: Mapped[str] = mapped_column(_TENANT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class TemplateUseRecord(Record):
    """A rendering that a template was asked for, and how often."""

    __tablename__ = "template_uses"
    __table_args__ = (
        Index("ix_template_uses_popular", "template_id", "uses", "last_used"),
        Index("ix_template_uses_recent", "template_id", "last_used"),
    )

    template_id: Mapped[str] = mapped_column(_ID, ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of `rendering` and `settings`."""
    rendering: Mapped[str] = mapped_column(Text)
    """`gitex.templates.Rendering.values`; `values` is a word of SQL."""
    settings: Mapped[str] = mapped_column(Text)
    """`gitex.templates.Rendering.settings`."""
    uses: Mapped[int] = mapped_column(BigInteger)
    last_used: Mapped[datetime] = mapped_column(UtcDateTime)
