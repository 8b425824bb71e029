"""Is everything that was published still there? Every block is fetched back from every target and its hash checked."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from gitex.errors import AssetNotFound, GitexError
from gitex.ports import PinTarget
from gitex.publishing import Publication
from storage.ipfs.cid import Cid
from storage.ipfs.reader import walk_blocks
from storage.publications import SqlPublications


class RootReport(NamedTuple):
    """One root at one target."""

    asset_id: str
    cid: str
    target: str
    blocks: int
    """That came back, and are what their CIDs say."""
    size: int
    """Their bytes."""
    problem: str
    """Empty if the whole DAG came back."""


async def audit(
    publications: SqlPublications, targets: Sequence[PinTarget], asset_id: str = ""
) -> AsyncIterator[RootReport]:
    """Reports of one asset, or of all that are published. Raises `AssetNotFound` if that one is not, or is deleted.

    What is deleted while its blocks are fetched has no report: the targets let go of it at any moment. Fetches one
    block at a time, so it is slow, and its memory is bounded.
    """
    if asset_id and not await publications.is_wanted(asset_id):
        raise AssetNotFound(f"asset {asset_id!r} is not published", param="id")
    async for publication in _chosen(publications, asset_id):
        async for report in _audit_one(publication, targets):
            if not report.problem or await publications.is_wanted(publication.asset_id):
                yield report


async def _chosen(publications: SqlPublications, asset_id: str) -> AsyncIterator[Publication]:
    if asset_id:
        yield await publications.get(asset_id)
        return
    after = ""
    while page := await publications.published(after):
        for publication in page:
            yield publication
        after = page[-1].asset_id


async def _audit_one(publication: Publication, targets: Sequence[PinTarget]) -> AsyncIterator[RootReport]:
    for target in targets:
        for root in (publication.cid, publication.metadata_cid):
            if root:
                yield await _fetch_back(publication.asset_id, target, root)


async def _fetch_back(asset_id: str, target: PinTarget, root: str) -> RootReport:
    async def get_block(cid: Cid) -> bytes:
        return await target.block(str(cid))

    blocks = size = 0
    problem = ""
    try:
        async for _, data in walk_blocks(get_block, Cid.parse(root)):
            blocks, size = blocks + 1, size + len(data)
    except GitexError as error:
        problem = error.message
    return RootReport(asset_id, root, target.name, blocks, size, problem)
