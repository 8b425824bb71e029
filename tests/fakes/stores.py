"""Stores, caches and recorders in memory."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gitex.assets import Asset, AssetPage, AssetQuery
from gitex.errors import AssetDeleted, AssetNotFound
from gitex.ports import CacheEntry


@dataclass
class MemoryAssets:
    """A `gitex.ports.AssetStore`."""

    assets: dict[str, Asset] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    asked: dict[str, set[str]] = field(default_factory=dict)
    """What is to be done with each asset after its answer."""
    error: Exception | None = None

    async def save(self, asset: Asset, content: bytes, *, cache: bool = False, publish: bool = False) -> None:
        if self.error is not None:
            raise self.error
        self.assets[asset.id] = asset
        self.contents[asset.id] = content
        self.asked[asset.id] = {name for name, wanted in (("cache", cache), ("publish", publish)) if wanted}

    async def get(self, asset_id: str, viewer: str | None = None) -> Asset:
        asset = self.assets.get(asset_id)
        if asset is None or not _sees(viewer, asset):
            raise AssetNotFound(f"no asset {asset_id!r}", param="asset_id")
        if asset.state == "deleted":
            raise AssetDeleted(f"asset {asset_id!r} was deleted", param="asset_id")
        return asset

    async def list(self, query: AssetQuery) -> AssetPage:
        """The newest that `viewer` may see: the other filters and further pages are the real store's affair."""
        kept = [asset for asset in self.assets.values() if asset.state == "kept" and _sees(query.viewer, asset)]
        return AssetPage(tuple(reversed(kept))[: query.limit])

    async def find(self, sha256: str, viewer: str | None) -> Asset | None:
        found = await self.list(AssetQuery(viewer, limit=len(self.assets)))
        return next((asset for asset in found.assets if asset.sha256 == sha256), None)

    async def delete(self, asset_id: str, viewer: str | None) -> None:
        asset = await self.get(asset_id, viewer)
        if viewer not in (None, asset.creator):
            raise AssetNotFound(f"asset {asset_id!r} is not yours", param="asset_id")
        self.assets[asset_id] = replace(asset, state="deleted", deleted_at=datetime.now(UTC))

    async def content(self, asset: Asset) -> bytes:
        return self.contents[asset.id]

    async def keep(self, content: bytes) -> str:
        if self.error is not None:
            raise self.error
        sha256 = hashlib.sha256(content).hexdigest()
        self.pictures[sha256] = content
        return sha256

    async def kept(self, sha256: str) -> bytes:
        if sha256 not in self.pictures:
            raise AssetNotFound(f"no picture {sha256!r}")
        return self.pictures[sha256]


def _sees(viewer: str | None, asset: Asset) -> bool:
    return asset.public or viewer in (None, asset.creator)


@dataclass
class MemoryCache:
    """A `gitex.ports.PromptCache`."""

    entries: dict[str, CacheEntry] = field(default_factory=dict)

    async def get(self, digest: str) -> CacheEntry | None:
        return self.entries.get(digest)

    def put(self, digest: str, entry: CacheEntry) -> None:
        self.entries[digest] = entry


@dataclass
class MemoryRecorder:
    """A `gitex.ports.Recorder` that remembers."""

    counts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=lambda: defaultdict(float))
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    gauges: dict[str, float] = field(default_factory=dict)
    told: list[tuple[str, float, Mapping[str, str]]] = field(default_factory=list)
    """Every gauge that was set, with its tags."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        self.counts[metric, tuple(sorted(tags.items()))] += amount

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.values[metric].append(value)

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.gauges[metric] = value
        self.told.append((metric, value, tags))

    def counted(self, metric: str, **tags: str) -> float:
        return self.counts[metric, tuple(sorted(tags.items()))]
