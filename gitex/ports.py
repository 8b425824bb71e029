"""What the use cases need from the outside, as protocols. Adapters live in the rooms; fakes live in the tests."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gitex.assets import Asset, AssetPage, AssetQuery
from gitex.events import ImageEvent, TextEvent
from gitex.flights import Claim, Lease
from gitex.publishing import Content, Pin, PinStatus, Publication
from gitex.specs import CopySpec, ImageSpec
from gitex.templates import PopularRendering, Rendering, StoredTemplate, TemplatePage
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
    uploaded: str = ""
    """SHA-256 of the picture to begin from as it was uploaded, before it was made to fit; empty if there is none."""


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


class BlobStore(Protocol):
    """Bytes, found by their SHA-256 in hex. What `put` has returned for survives a crash.

    Every method raises `Unavailable` when the store fails, and `StorageFull` when it has no room.
    """

    async def put(self, content: bytes) -> str:
        """Keep the bytes; returns their SHA-256. Idempotent, and it heals a corrupt copy."""

    async def put_stream(self, chunks: AsyncIterable[bytes]) -> tuple[str, int]:
        """Keep bytes of any length in bounded memory; returns their SHA-256 and size."""

    async def get(self, sha256: str) -> bytes:
        """The bytes, checked. Raise `AssetNotFound` if missing, `CorruptBlob` if they are not what was stored."""

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """A part of the bytes in chunks of at most 1 MiB, unchecked: for callers that check blocks themselves."""

    async def size(self, sha256: str) -> int | None:
        """How many bytes are kept under that name; None if there are none."""

    async def delete(self, sha256: str, *, written_before: float | None = None) -> bool:
        """Forget the bytes; no error if there are none. Returns whether bytes are gone that were there.

        With `written_before` (Unix seconds) bytes that were written since then, also by a `put` meanwhile, stay.
        """

    def names(self) -> AsyncIterator[tuple[str, float]]:
        """The SHA-256 of all that is kept, with the Unix time when it was last written."""

    async def sweep(self, written_before: float) -> int:
        """Remove what writers that died have left half-written before that Unix time; returns how many bytes."""


class PinTarget(Protocol):
    """A place that keeps content on IPFS. All raise `Unavailable` when it does not answer in time."""

    @property
    def name(self) -> str:
        """Short and unique among the targets: `embedded`, `kubo`, `pinning-service`."""

    async def pin(self, content: Content) -> PinStatus:
        """Ask it to keep the content. Idempotent by CID. Raise `CidMismatch` if it names other content."""

    async def status(self, cid: str) -> PinStatus | None:
        """What it says of that root; None if it does not know it."""

    async def unpin(self, cid: str) -> None:
        """Ask it to let the root go; no error if it does not have it."""

    async def block(self, cid: str) -> bytes:
        """One block, fetched back and checked by its hash. Raise `NotFound`, `CidMismatch`."""

    async def check(self) -> None:
        """Return if it answers."""


class Publications(Protocol):
    """What is published, durably. All raise `Unavailable` when the database fails."""

    async def request(self, asset_id: str, cid: str) -> None:
        """Ask for an asset to be published; one that failed is tried again, all else stays as it is."""

    async def get(self, asset_id: str) -> Publication:
        """Where it stands. Raise `AssetNotFound` if nobody asked for it."""

    async def pins(self, asset_id: str) -> Sequence[Pin]:
        """What each target last said of each root of the asset."""


class PublicContent(Protocol):
    """What the read gateway may show to anybody. Both methods raise `Unavailable` when the store fails."""

    async def block(self, cid: str) -> bytes:
        """One block, checked by its hash. Raise `NotFound`, `AssetDeleted`, `CidMismatch` if it is corrupt."""

    async def media_type(self, cid: str) -> str:
        """Of the picture with that CID, as its asset's row says; empty if it is none that anybody may see."""


class AssetStore(Protocol):
    """Durable assets. When `save` returns, row and bytes survive a crash."""

    async def save(self, asset: Asset, content: bytes, *, cache: bool = False, publish: bool = False) -> None:
        """Keep both. In the same transaction, `cache` and `publish` leave word for the prompt cache and for IPFS."""

    async def get(self, asset_id: str, viewer: str | None = None) -> Asset:
        """Raise `AssetNotFound` if there is none that `viewer` may see (None: all), `AssetDeleted` if it is gone."""

    async def list(self, query: AssetQuery) -> AssetPage:
        """A page of what is kept, newest first. Raise `InvalidInput` for a limit or an `after` that cannot be used."""

    async def find(self, sha256: str, viewer: str | None) -> Asset | None:
        """The newest asset with these very bytes that is kept and that `viewer` may see."""

    async def delete(self, asset_id: str, viewer: str | None) -> None:
        """Leave a tombstone in place of an asset of `viewer`'s own (None owns all). Raises what `get` raises."""

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
    content: bytes | None
    """None for one that is too large to be kept beside its id: the asset store has it."""


class PromptCache(Protocol):
    """Finished pictures by spec digest. May forget anything at any time; never fails a request."""

    async def get(self, digest: str) -> CacheEntry | None:
        """What was put last, at most one hop away; None as well if that takes too long."""

    def put(self, digest: str, entry: CacheEntry) -> None:
        """Hand the entry over without waiting; a later `get` of this process sees it unless it was forgotten."""


class Flights(Protocol):
    """Who does which digest's work, across processes and nodes.

    All but `wait` raise `Unavailable` when the others cannot be reached in a moment: then one goes on alone.
    """

    async def claim(self, digest: str, gone: str | None = None) -> Claim:
        """Lead the digest's flight, or learn how it is with it. `gone`: an asset that was lost and is no result."""

    async def renew(self, lease: Lease) -> bool:
        """Hold it for its full length again; False if it has expired or was given up."""

    async def land(self, lease: Lease, asset_id: str) -> bool:
        """Tell the followers the result and give up the lease; False, and nothing is told, if it is no longer held."""

    async def release(self, lease: Lease) -> None:
        """Give it up without a result: a follower may take over at once. No error if it is no longer held."""

    async def wait(self, digest: str, seconds: float) -> None:
        """Return when the digest's flight has landed or was given up; after `seconds`, or sooner, in any case."""


class TemplateStore(Protocol):
    """Durable prompt templates, found by their id or their name. All raise `Unavailable` when the database fails."""

    async def add(self, template: StoredTemplate) -> None:
        """Keep it. Raise `Conflict` if its name is taken."""

    async def get(self, key: str) -> StoredTemplate:
        """Raise `NotFound` if there is none of that id or name."""

    async def list(self, after: str = "", limit: int = 20) -> TemplatePage:
        """Newest first. `after` is `TemplatePage.next` of the page before; raise `InvalidInput` if it is not."""

    async def delete(self, key: str, owner: str | None = None) -> None:
        """Forget it and its uses. Raise `NotFound` if there is none, or if it is not the owner's; None may all."""

    async def record(self, template_id: str, uses: Mapping[Rendering, int]) -> None:
        """Count more uses of these renderings; nothing happens if the template is gone."""

    async def popular(self, template_id: str, limit: int) -> Sequence[PopularRendering]:
        """The most used renderings first; equally used ones, the last used first."""


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
