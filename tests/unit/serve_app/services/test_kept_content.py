"""Content that tokens point to: from the gateway's store, else from other targets, never what was deleted."""

import hashlib

import pytest

from gitex.errors import AssetDeleted, CidMismatch, GitexError, InvalidInput, NotFound, TooLarge, Unavailable
from serve_app.services.kept_content import PinnedContent
from storage.ipfs.cid import Cid
from tests.fakes.content import MemoryContent
from tests.fakes.pin_targets import FakePinTarget

LONG = bytes(range(256)) * 3000
"""Three blocks and a root."""


class _Target(FakePinTarget):
    """Has blocks, and may have other bytes than their CIDs say."""

    def __init__(self, name: str, blocks: dict[str, bytes]) -> None:
        super().__init__(name)
        self.blocks = blocks
        self.asked = 0

    async def block(self, cid: str) -> bytes:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if cid not in self.blocks:
            raise NotFound(f"{self.name} has no {cid}")
        return self.blocks[cid]


def _everywhere(content: bytes) -> tuple[MemoryContent, _Target, str]:
    public = MemoryContent()
    cid = public.add_file(content)
    return public, _Target("kubo", dict(public.blocks)), cid


async def test_a_file_is_read_from_the_gateways_store_and_nobody_else_is_asked() -> None:
    public, target, cid = _everywhere(LONG)
    content = PinnedContent(public, [target])
    assert await content.file(cid, len(LONG)) == LONG
    assert await content.sha256(cid) == hashlib.sha256(LONG).hexdigest()
    assert target.asked == 0


@pytest.mark.parametrize("problem", [None, Unavailable("the store is down"), CidMismatch("corrupt")])
async def test_what_the_store_cannot_give_comes_from_another_target(problem: GitexError | None) -> None:
    public, target, cid = _everywhere(LONG)
    public.blocks.clear()
    public.error = problem
    down = _Target("pinning-service", {})
    down.error = Unavailable("down")
    assert await PinnedContent(public, [down, target]).file(cid, len(LONG)) == LONG
    assert down.asked == target.asked


async def test_what_was_deleted_is_gone_whoever_still_has_it() -> None:
    public, target, cid = _everywhere(LONG)
    public.deleted.add(cid)
    with pytest.raises(AssetDeleted):
        await PinnedContent(public, [target]).sha256(cid)
    assert target.asked == 0


async def test_the_first_problem_is_told_if_nobody_has_it() -> None:
    public, target, cid = _everywhere(LONG)
    public.blocks.clear()
    target.blocks.clear()
    with pytest.raises(NotFound, match="is pinned here"):
        await PinnedContent(public, [target]).file(cid, len(LONG))


async def test_other_bytes_than_the_cid_says_are_never_believed() -> None:
    public, target, cid = _everywhere(b"a short file")
    public.blocks.clear()
    target.blocks[cid] = b"another file"
    with pytest.raises(CidMismatch):
        await PinnedContent(public, [target]).file(cid, 100)


async def test_a_file_may_have_so_many_bytes_and_no_more() -> None:
    public, _, cid = _everywhere(LONG)
    content = PinnedContent(public, picture_bytes=len(LONG) - 1)
    with pytest.raises(TooLarge):
        await content.file(cid, len(LONG) - 1)
    with pytest.raises(TooLarge):
        await content.sha256(cid)


async def test_what_is_no_cid_and_what_is_no_file_is_invalid() -> None:
    public = MemoryContent()
    folder = str(public.add_directory([]).cid)
    for cid in ("", "bafk", folder, "../../etc/passwd"):
        with pytest.raises(InvalidInput):
            await PinnedContent(public).sha256(cid)
    assert Cid.parse(folder).codec == "dag-pb"
