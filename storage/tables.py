"""The SQL tables. A record is one row; nothing outside `storage` sees it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from gitex.assets import Asset
from gitex.events import Execution, StageSeconds
from gitex.specs import image_spec_from_json


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: SQLite forgets the zone, so it is taken off and put back here."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises `ValueError` for a naive moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class Record(DeclarativeBase):
    """The base of all tables."""


class AssetRecord(Record):
    """One asset; its bytes lie in the blob store."""

    __tablename__ = "assets"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)
    spec: Mapped[str] = mapped_column(Text)
    """`ImageSpec.canonical()`."""
    stages: Mapped[str] = mapped_column(Text)
    """JSON of `StageSeconds`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    execution: Mapped[str | None] = mapped_column(Text)
    """JSON of `Execution`."""

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
        )


def _execution(text: str) -> Execution:
    fields = json.loads(text)
    return Execution(**{**fields, "versions": tuple(fields["versions"])})
