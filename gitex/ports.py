"""What the use cases need from the outside, as protocols. Adapters live in the rooms; fakes live in the tests."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gitex.assets import Asset
from gitex.events import ImageEvent, TextEvent
from gitex.specs import CopySpec, ImageSpec
from gitex.variants import ModelInfo


@dataclass(frozen=True)
class RunContext:
    """Who asks, and until when: what an engine needs to know that does not decide the output."""

    request_id: str
    tenant: str = "anonymous"
    deadline: float | None = None
    """Unix seconds; past it the engine drops the request and raises `DeadlineExceeded`."""
    previews: int = 0
    """How many previews to spread over the steps; 0 for none."""
    priority: int = 0
    """Higher goes first among the same tenant's requests; a tenant's share of the device does not grow by it."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """The encoded pictures (PNG, JPEG, WebP) that the spec names, by their SHA-256 in hex."""


class ImageModel(Protocol):
    """Runs image specs of one variant.

    `generate` raises `InvalidInput`, `ContentRefused`, `Overloaded`, `DeadlineExceeded`, `Unavailable`,
    `EngineFailure`; closing the generator cancels the work and frees its slot within one step.
    """

    @property
    def info(self) -> ModelInfo: ...

    def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]: ...


class TextModel(Protocol):
    """Runs copy specs of one variant; the same promises as `ImageModel`."""

    @property
    def info(self) -> ModelInfo: ...

    def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]: ...


class Engine(Protocol):
    """What every loaded engine offers besides its work."""

    @property
    def info(self) -> ModelInfo: ...

    def check(self) -> None:
        """Raise `EngineFailure` if the engine can no longer do work."""

    async def close(self) -> None:
        """End running work with `Unavailable` and free the device."""


class ImageEngine(ImageModel, Engine, Protocol):
    """An image model on this process's own device."""


class TextEngine(TextModel, Engine, Protocol):
    """A text model on this process's own device."""


class AssetStore(Protocol):
    """Durable assets. When `save` returns, row and bytes survive a crash."""

    async def save(self, asset: Asset, content: bytes) -> None: ...

    async def get(self, asset_id: str) -> Asset:
        """Raise `AssetNotFound` if there is none."""

    async def content(self, asset: Asset) -> bytes:
        """The asset's bytes, checked against its SHA-256. Raise `AssetNotFound` if they are gone or corrupt."""

    async def keep(self, content: bytes) -> str:
        """Keep the bytes of a picture that a spec will name; returns their SHA-256. Idempotent."""

    async def kept(self, sha256: str) -> bytes:
        """Kept bytes, checked against their SHA-256. Raise `AssetNotFound` if they are gone or corrupt."""


@dataclass(frozen=True)
class CacheEntry:
    """A finished picture, found by its spec's digest."""

    asset_id: str
    content: bytes


class PromptCache(Protocol):
    """Finished pictures by spec digest. May forget anything at any time; never fails a request."""

    async def get(self, digest: str) -> CacheEntry | None: ...

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Hand the entry over without waiting; a later `get` of this process sees it unless it was forgotten."""


class Clock(Protocol):
    """Time, passed in, so that tests own it."""

    def now(self) -> float:
        """Seconds, monotonic."""


class Recorder(Protocol):
    """Takes measurements of the metrics declared in `gitex.metrics`."""

    def count(self, metric: str, amount: float, tags: Mapping[str, str]) -> None:
        """Add to a counter."""

    def observe(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Put one value into a histogram."""

    def gauge(self, metric: str, value: float, tags: Mapping[str, str]) -> None:
        """Set a gauge."""
