"""Stores, caches and recorders in memory."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitex.assets import Asset
from gitex.errors import AssetNotFound
from gitex.ports import CacheEntry


@dataclass
class MemoryAssets:
    """A `gitex.ports.AssetStore`."""

    assets: dict[str, Asset] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    error: Exception | None = None

    async def save(self, asset: Asset, content: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.assets[asset.id] = asset
        self.contents[asset.id] = content

    async def get(self, asset_id: str) -> Asset:
        if asset_id not in self.assets:
            raise AssetNotFound(f"no asset {asset_id!r}", param="asset_id")
        return self.assets[asset_id]

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

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        self.counts[metric, tuple(sorted(tags.items()))] += amount

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.values[metric].append(value)

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        self.gauges[metric] = value

    def counted(self, metric: str, **tags: str) -> float:
        return self.counts[metric, tuple(sorted(tags.items()))]
