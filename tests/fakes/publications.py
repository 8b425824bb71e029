"""Publications in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from gitex.errors import AssetNotFound
from gitex.publishing import Pin, Publication


@dataclass
class MemoryPublications:
    """A `gitex.ports.Publications`, which nobody works on."""

    rows: dict[str, Publication] = field(default_factory=dict)
    pinned: dict[str, list[Pin]] = field(default_factory=dict)
    woken: int = 0

    async def request(self, asset_id: str, cid: str) -> None:
        now = datetime(2026, 11, 24, tzinfo=UTC)
        self.rows.setdefault(asset_id, Publication(asset_id, cid, "", "queued", 0, "", now))

    async def get(self, asset_id: str) -> Publication:
        if asset_id not in self.rows:
            raise AssetNotFound(f"asset {asset_id!r} is not published", param="id")
        return self.rows[asset_id]

    async def pins(self, asset_id: str) -> list[Pin]:
        return self.pinned.get(asset_id, [])

    def wake(self) -> None:
        self.woken += 1
