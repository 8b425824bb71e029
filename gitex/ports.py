"""What the use cases need from the outside, as protocols. Adapters live in the rooms; fakes live in the tests."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from gitex.assets import Asset, AssetPage, AssetQuery
from gitex.credits import Deposit, DepositCursor, LedgerEntry
from gitex.events import ImageEvent, TextEvent
from gitex.flights import Claim, Lease
from gitex.minting import Attempt, ChainTransaction, Inclusion, Mint, MintJob, MintOrder, Sender
from gitex.publishing import Content, Pin, PinStatus, Publication
from gitex.specs import CopySpec, ImageSpec
from gitex.staking import StakingState
from gitex.templates import PopularRendering, Rendering, StoredTemplate, TemplatePage
from gitex.tokens import Token
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


class Mints(Protocol):
    """What is minted, durably, as callers see it. All raise `Unavailable` when the database fails."""

    async def request(self, order: MintOrder, *, idempotency_key: str = "") -> Mint:
        """Reserve the mint; durable when this returns. The same order again is the same mint; one that failed is tried
        again. Raise `Conflict` if the asset is being minted, or was, for another recipient on this contract, and if the
        idempotency key, which is the asset creator's own, was used for another order.
        """

    async def get(self, mint_id: str) -> Mint:
        """Raise `NotFound` if there is none of that id."""

    async def of_asset(self, asset_sha256: str, chain_id: int, contract: str) -> Mint | None:
        """The mint of an asset with these bytes that has not failed, else the newest that has; None without any."""


class MintOutbox(Protocol):
    """The durable rows of minting, as the one worker of a sender sees them.

    All raise `Unavailable` when the database fails. Every write but `lease` asks for the lease again, in its own
    transaction, and changes nothing and returns False if `owner` holds it no longer: a worker that was thought dead and
    comes back signs nothing.
    """

    async def lease(self, sender: Sender, owner: str, length: timedelta) -> bool:
        """Take the sender's lease, or keep it; False if it is somebody else's."""

    async def release(self, sender: Sender, owner: str) -> None:
        """Give the lease up; no error if it is somebody else's."""

    async def take(self, sender: Sender, owner: str, contract: str, limit: int) -> Sequence[MintJob]:
        """The reserved mints of that contract that are due, and whose assets are published, the oldest first.

        They are this worker's until it lets them go, or its lease ends; until then it is given them again. Those whose
        asset is gone, or can never be published, have failed instead.
        """

    async def in_flight(self, sender: Sender) -> Sequence[ChainTransaction]:
        """What is signed, broadcast or mined, by nonce. `mint_ids` are those that have not been let go."""

    async def highest_nonce(self, sender: Sender) -> int | None:
        """The highest nonce that anything was ever signed with; None if nothing was."""

    async def sign(self, owner: str, transaction: ChainTransaction) -> bool:
        """Keep a new transaction with its first attempt; its mints go from `reserved` to `signed`.

        False as well if one of its mints is no longer this worker's, or the nonce is taken: one without mints may take
        that of a transaction that is lost.
        """

    async def replace(self, owner: str, sender: Sender, nonce: int, attempt: Attempt) -> bool:
        """Keep another attempt of a transaction, before it is sent. False as well if it is in a block, or over."""

    async def broadcast(self, owner: str, sender: Sender, nonce: int) -> bool:
        """A node has taken it: `signed` becomes `broadcast`; all else stays."""

    async def mined(self, owner: str, sender: Sender, nonce: int, inclusion: Inclusion) -> bool:
        """One of its attempts is in a block."""

    async def unmined(self, owner: str, sender: Sender, nonce: int) -> bool:
        """The block that had it is none of the chain's any more: back to `broadcast`."""

    async def final(self, owner: str, sender: Sender, nonce: int, inclusion: Inclusion) -> bool:
        """It is in a block that stays, and its mints are final. A reverted one's mints must be let go first, or it
        raises `ValueError`.
        """

    async def lost(self, owner: str, sender: Sender, nonce: int) -> bool:
        """Its nonce went to a transaction that is not ours; its mints are reserved again."""

    async def again(
        self, owner: str, sender: Sender, mint_ids: Sequence[str], *, reason: str, after: timedelta, alone: bool = False
    ) -> bool:
        """Let mints go: reserved again, not to be taken before `after` is over. Once `alone`, they stay so.

        This and what follows leaves mints as they are that this worker has neither taken nor in flight.
        """

    async def fail(self, owner: str, sender: Sender, mint_ids: Sequence[str], reason: str) -> bool:
        """These mints will not be tried again by themselves."""

    async def minted_elsewhere(self, owner: str, sender: Sender, mint_id: str, inclusion: Inclusion) -> bool:
        """The token is there, as it was ordered, by a transaction that no row knows: the mint is final."""

    async def committed(self, sender: Sender, since: datetime) -> int:
        """Wei that the sender's transactions since then have cost, and, while they are not final, may cost at most."""


class TokenRegistry(Protocol):
    """Tokens as the chain has them. Both methods raise `Unavailable` when no node answers."""

    async def read(self, token_id: int) -> Token:
        """All of one, as of the newest block. Raise `NotFound` if there is none; `InvalidInput` if there cannot be."""

    async def is_minted(self, digest: bytes) -> bool:
        """Whether the asset with this SHA-256 has its token, at the newest block."""


class StakingRegistry(Protocol):
    """What wallets have staked, as the chain has it."""

    async def read(self, wallet: str) -> StakingState:
        """As of a block that stays; may be some seconds old.

        Raise `InvalidInput` for what is no address, and `Unavailable`.
        """


class CreditLedger(Protocol):
    """Who has how many credits: double entry, whole numbers. All raise `Unavailable` when the database fails."""

    async def cursor(self, chain_id: int, vault: str) -> DepositCursor:
        """Where to go on; block 0 and deposit 1 for a vault that was never looked at."""

    async def book(self, chain_id: int, vault: str, deposits: Sequence[Deposit], *, through_block: int) -> int:
        """Book deposits and move the cursor past `through_block`, in one transaction; returns how many were new.

        What is booked already is not booked again, so two indexers may run at once. Raise `Conflict`, and book nothing,
        if the deposits do not go on where the cursor stands, or differ from what was booked under their number.
        """

    async def balance(self, account: str) -> int:
        """The sum of the account's entries; 0 for one that nobody knows."""

    async def entries(self, account: str, limit: int = 100) -> Sequence[LedgerEntry]:
        """The account's newest entries first."""


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
