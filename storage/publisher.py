"""Brings publications about: picture and metadata document at every pin target, tried again until it is so."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gitex.assets import Asset
from gitex.errors import AssetDeleted, CidMismatch, GitexError
from gitex.metadata import metadata_document
from gitex.metrics import PINS, PUBLICATIONS
from gitex.ports import BlobStore, PinTarget, Recorder
from gitex.publishing import Content, PinStatus, Publication, PublicationState
from storage.ipfs.unixfs import FileBuilder
from storage.publications import SqlPublications, pinned_at

log = logging.getLogger("gitex.publisher")

LEASE = timedelta(seconds=30)
"""A worker that dies is replaced after this long."""
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
FOLLOW_PAUSE = timedelta(seconds=10)
"""The longest between two looks at a target that is pinning."""


class Assets(Protocol):
    """What publishing needs of the asset store."""

    async def get(self, asset_id: str, viewer: str | None = None) -> Asset:
        """See `gitex.ports.AssetStore`."""

    async def set_cid(self, asset_id: str, cid: str) -> None:
        """Record the CID of an asset that has none yet."""


@dataclass(frozen=True)
class PinPolicy:
    """When an asset counts as published."""

    quorum: int
    """How many targets must have it; from 1 to their number."""
    recheck: timedelta
    """How often the pins of a published asset are looked at again."""


class Publisher:
    """One worker. Any number of them, in any processes, may share the rows; all that they do may be done twice."""

    def __init__(
        self,
        publications: SqlPublications,
        assets: Assets,
        blobs: BlobStore,
        targets: Sequence[PinTarget],
        *,
        policy: PinPolicy,
        recorder: Recorder,
        owner: str,
        lease: timedelta = LEASE,
    ) -> None:
        """`owner`: unique among all workers. `lease`: see `SqlPublications`.

        Raises `ValueError` for a quorum that the targets cannot reach.
        """
        if not 1 <= policy.quorum <= len(targets):
            raise ValueError(f"a quorum of {policy.quorum} cannot be had from {len(targets)} targets")
        self._publications = publications
        self._assets = assets
        self._blobs = blobs
        self._targets = tuple(targets)
        self._policy = policy
        self._recorder = recorder
        self._owner = owner
        self._lease = lease

    async def work_once(self) -> bool:
        """Take one publication that is due and move it on; False if none is.

        Raises `Unavailable` if the database does not answer.
        """
        publication = await self._publications.claim(self._owner, self._lease)
        if publication is None:
            return False
        heart = asyncio.create_task(self._keep_lease(publication.asset_id))
        try:
            await self._move_on(publication)
        except Exception as problem:  # whatever it is, the other publications go on
            log.warning(
                "publishing %s: %s", publication.asset_id, problem, exc_info=not isinstance(problem, GitexError)
            )
            await self._settle(publication, publication.state, str(problem), _pause(publication.attempts))
        finally:
            heart.cancel()
            await asyncio.wait([heart])
        return True

    async def _move_on(self, publication: Publication) -> None:
        try:
            asset = await self._assets.get(publication.asset_id)
        except AssetDeleted:
            await self._withdraw(publication)
            return
        contents = await self._contents(asset, publication)
        problems = await _each(self._targets, lambda target: self._bring_to(target, asset, contents))
        await self._judge(publication, [content.cid for content in contents], problems)

    async def _contents(self, asset: Asset, publication: Publication) -> list[Content]:
        """The picture and its metadata document, which is written first: it has the picture's CID in it."""
        cid = publication.cid or asset.cid or await _cid_of(self._blobs, asset.sha256)
        if not asset.cid:  # from before CIDs were recorded
            await self._assets.set_cid(asset.id, cid)
        picture = Content(cid, _file_name(asset), asset.sha256, asset.size)
        document = metadata_document(asset, cid)
        blob = await self._blobs.put(document)
        described = Content(await _cid_of(self._blobs, blob), f"{asset.id}.json", blob, len(document))
        await self._publications.described(
            asset.id, self._owner, cid=cid, metadata_cid=described.cid, metadata_blob=described.blob
        )
        return [picture, described]

    async def _bring_to(self, target: PinTarget, asset: Asset, contents: Sequence[Content]) -> None:
        """Every root that the target does not have is pinned (again). What the target raises is noted, and raised."""
        for content in contents:
            try:
                status = await target.status(content.cid)
                if status is None or status.state == "failed":
                    status = await target.pin(content)
            except GitexError as problem:
                await self._note(asset.id, content.cid, target, PinStatus("failed", reason=problem.message))
                raise
            await self._note(asset.id, content.cid, target, status)

    async def _note(self, asset_id: str, cid: str, target: PinTarget, status: PinStatus) -> None:
        self._recorder.count(PINS.name, 1, {"target": target.name, "state": status.state})
        await self._publications.note(asset_id, self._owner, cid, target.name, status)

    async def _judge(
        self, publication: Publication, roots: Sequence[str], problems: dict[str, GitexError | None]
    ) -> None:
        have = pinned_at(await self._publications.pins(publication.asset_id), roots) & set(problems)
        hopeless = [name for name, problem in problems.items() if isinstance(problem, CidMismatch)]
        reason = _reason(problems)
        pause = self._policy.recheck
        if len(have) < len(self._targets):
            pause = min(_pause(publication.attempts), LONGEST_PAUSE if reason else FOLLOW_PAUSE)
        if len(have) >= self._policy.quorum:
            await self._settle(publication, "published", reason, pause)
        elif len(self._targets) - len(hopeless) < self._policy.quorum:
            log.error("asset %s cannot be published: %s", publication.asset_id, reason)
            await self._settle(publication, "failed", reason, pause)
        else:
            await self._settle(publication, "pinning", reason, pause)

    async def _withdraw(self, publication: Publication) -> None:
        """A deleted asset leaves every target, unless another one has the same bytes."""
        roots = [root for root in (publication.metadata_cid, publication.cid) if root]
        if await self._publications.others_need(publication.asset_id, publication.cid):
            roots = [root for root in roots if root != publication.cid]

        async def leave(target: PinTarget) -> None:
            for root in roots:
                await target.unpin(root)
                await self._publications.forget(publication.asset_id, self._owner, root, target.name)

        reason = _reason(await _each(self._targets, leave))
        state: PublicationState = publication.state if reason else "withdrawn"
        await self._settle(publication, state, reason, _pause(publication.attempts))

    async def _settle(self, publication: Publication, state: PublicationState, reason: str, pause: timedelta) -> None:
        if state != publication.state:
            self._recorder.count(PUBLICATIONS.name, 1, {"state": state})
        await self._publications.settle(publication.asset_id, self._owner, state, reason=reason, again_in=pause)

    async def _keep_lease(self, asset_id: str) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                await self._publications.extend(asset_id, self._owner, self._lease)
            except GitexError as problem:  # the next write asks for the lease again
                log.warning("the lease on %s was not extended: %s", asset_id, problem.message)


async def _each(
    targets: Sequence[PinTarget], do: Callable[[PinTarget], Awaitable[None]]
) -> dict[str, GitexError | None]:
    """All targets at once: one that is down delays no other. What each raised, by name."""

    async def one(target: PinTarget) -> GitexError | None:
        try:
            await do(target)
        except GitexError as problem:
            return problem
        return None

    return dict(zip((t.name for t in targets), await asyncio.gather(*map(one, targets)), strict=True))


def _reason(problems: dict[str, GitexError | None]) -> str:
    return "; ".join(f"{name}: {problem.message}" for name, problem in problems.items() if problem is not None)


async def _cid_of(blobs: BlobStore, sha256: str) -> str:
    builder = FileBuilder()
    async for chunk in blobs.read(sha256):
        await asyncio.to_thread(builder.skim, chunk)
    for _ in builder.close():
        pass
    return str(builder.root)


def _pause(attempts: int) -> timedelta:
    """Doubles with each attempt."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 12)))


def _file_name(asset: Asset) -> str:
    return f"{asset.id}.{asset.media_type.rpartition('/')[2]}"
