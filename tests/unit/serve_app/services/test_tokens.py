"""Reading a token back: each thing that may differ is found, and what cannot be had is told as that."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from configs.chains import load_chain
from gitex.errors import NotFound, Overloaded, Unavailable
from gitex.metadata import canonical_json, metadata_document
from gitex.tokens import Token
from serve_app.services.kept_content import PinnedContent
from serve_app.services.token_checks import Check
from serve_app.services.tokens import TokenReport, Tokens
from tests.fakes.content import MemoryContent
from tests.fakes.tokens import CREATOR, OWNER, PICTURE, MemoryTokens, asset, minted, pointing_to, with_prompt

NAMES = ("metadata", "asset", "prompt_history", "model", "creator")
NOWHERE = {**dict.fromkeys(NAMES, "unreadable"), "metadata": "mismatch"}
"""Of a token that points to no document."""


async def _report(token: Token, content: MemoryContent, **options: Any) -> TokenReport:
    registry = MemoryTokens({token.id: token})
    return await Tokens(lambda: registry, PinnedContent(content), load_chain("sepolia"), **options).verify(token.id)


def _found(report: TokenReport) -> dict[str, Check]:
    assert tuple(check.name for check in report.checks) == NAMES
    return {check.name: check for check in report.checks}


def _verdicts(report: TokenReport) -> dict[str, str]:
    """Of those that are not ok."""
    return {name: check.verdict for name, check in _found(report).items() if check.verdict != "ok"}


async def test_a_token_whose_parts_are_all_there_matches() -> None:
    content = MemoryContent()
    token = minted(content)
    report = await _report(token, content)
    assert report.matches
    assert _verdicts(report) == {}
    assert _found(report)["creator"].reason == "the metadata document names no wallet but the user 'ada'"
    assert report.token_url == f"https://sepolia.etherscan.io/token/{token.contract}/{token.id}"
    assert token.mint is not None
    assert report.transaction_url == f"https://sepolia.etherscan.io/tx/{token.mint.transaction}"


async def test_a_document_in_several_blocks_matches_too() -> None:
    content, made = MemoryContent(), asset()
    cid = content.add_file(PICTURE)
    made = replace(made, cid=cid, prompt_history=("a long story " * 40_000,))
    token = pointing_to(content, metadata_document(made, cid), made)
    assert token.provenance.metadata_codec == 0x70
    assert (await _report(token, content)).matches


async def test_a_creator_who_is_a_wallet_is_compared() -> None:
    for creator, verdicts in ((CREATOR.lower(), {}), (OWNER, {"creator": "mismatch"})):
        content = MemoryContent()
        assert _verdicts(await _report(minted(content, creator=creator), content)) == verdicts


def _of(change: Callable[[dict[str, Any]], object]) -> tuple[Token, MemoryContent]:
    """A token that points to a document of ours with a change in it."""
    content = MemoryContent()
    cid = content.add_file(PICTURE)
    made = asset(cid=cid)
    document = json.loads(metadata_document(made, cid))
    change(document)
    return pointing_to(content, canonical_json(document), made), content


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        ({"sha256": "cd" * 32}, {"asset": "mismatch"}),
        ({"prompt_history": ["a star"]}, {"prompt_history": "mismatch"}),
        ({"prompt_history_sha256": "cd" * 32}, {"prompt_history": "mismatch"}),
        ({"weights_digest": "sha256:" + "b" * 64}, {"model": "mismatch"}),
    ],
)
async def test_a_document_that_says_something_else_is_found_out(
    change: dict[str, Any], verdicts: dict[str, str]
) -> None:
    token, content = _of(lambda document: document["gitex"].update(change))
    report = await _report(token, content)
    assert _verdicts(report) == verdicts
    assert not report.matches


async def test_a_document_that_points_to_another_picture_is_found_out() -> None:
    content = MemoryContent()
    other = content.add_file(b"\x89PNG another picture")
    cid = content.add_file(PICTURE)
    made = asset(cid=cid)
    document = json.loads(metadata_document(made, cid))
    document["image"], document["gitex"]["cid"] = f"ipfs://{other}", other
    token = pointing_to(content, canonical_json(document), made)
    report = await _report(token, content)
    assert _verdicts(report) == {"asset": "mismatch"}
    assert other in _found(report)["asset"].reason


async def test_what_is_no_document_of_ours_is_a_mismatch_and_the_rest_cannot_be_known() -> None:
    content = MemoryContent()
    token = pointing_to(content, b'{"name": "somebody else\'s"}', asset())
    report = await _report(token, content)
    unknown = dict.fromkeys(NAMES[1:], "unreadable")
    assert _verdicts(report) == {"metadata": "mismatch", **unknown}
    assert "not one of Gitex's" in _found(report)["metadata"].reason


def _changed(**changes: Any) -> Callable[[Token], Token]:
    return lambda token: replace(token, provenance=replace(token.provenance, **changes))


def _recorded(**changes: Any) -> Callable[[Token], Token]:
    def change(token: Token) -> Token:
        assert token.mint is not None
        return replace(token, mint=replace(token.mint, **changes))

    return change


@pytest.mark.parametrize(
    ("change", "verdicts"),
    [
        (_changed(asset_digest=b"x" * 32), {"asset": "mismatch"}),
        (_changed(metadata_digest=b"x" * 32), {"metadata": "mismatch"}),
        (_changed(metadata_codec=0x70), {"metadata": "mismatch"}),
        (_changed(prompt_digest=b"x" * 32), {"prompt_history": "mismatch"}),
        (_changed(model_digest=b"x" * 32), {"model": "mismatch"}),
        (_changed(creator=OWNER), {"creator": "mismatch"}),
        (_recorded(model_digest=b"x" * 32), {"model": "mismatch"}),
        (_recorded(creator=OWNER), {"creator": "mismatch"}),
        (_recorded(metadata_digest=b"x" * 32), {}),
        (lambda token: with_prompt(token, b'["another"]'), {"prompt_history": "mismatch"}),
        (lambda token: with_prompt(token, b'["a star", "a \\"r\\u00e9d\\" star"]'), {"prompt_history": "mismatch"}),
        (lambda token: replace(token, uri="https://example.com/1"), NOWHERE),
        (lambda token: replace(token, uri="ipfs://nothing"), NOWHERE),
    ],
)
async def test_a_chain_that_says_something_else_is_found_out(
    change: Callable[[Token], Token], verdicts: dict[str, str]
) -> None:
    content = MemoryContent()
    report = await _report(change(minted(content)), content)
    assert _verdicts(report) == verdicts


async def test_a_document_that_governance_has_replaced_is_told_and_still_matches() -> None:
    content = MemoryContent()
    report = await _report(_recorded(metadata_digest=b"x" * 32)(minted(content)), content)
    assert report.matches
    assert "governance" in _found(report)["metadata"].reason


async def test_another_assets_token_is_found_out() -> None:
    content = MemoryContent()
    token = minted(content)
    report = await _report(replace(token, id=token.id + 1), content)
    assert _verdicts(report) == {"asset": "mismatch"}


async def test_a_withdrawn_asset_is_unreadable_and_no_error() -> None:
    content = MemoryContent()
    token = minted(content)
    content.deleted.update(content.blocks)
    report = await _report(token, content)
    assert _verdicts(report) == dict.fromkeys(NAMES, "unreadable")
    assert "deleted" in _found(report)["metadata"].reason


async def test_a_picture_alone_may_be_gone_or_corrupt() -> None:
    content = MemoryContent()
    token = minted(content)
    picture = str(content.link(PICTURE, "").cid)
    for change in (content.deleted.add, lambda cid: content.blocks.update({cid: b"corrupt"})):
        content.deleted.clear()
        change(picture)
        report = await _report(token, content)
        assert _verdicts(report) == {"asset": "unreadable"}
        assert _found(report)["asset"].reason


async def test_a_document_that_is_too_large_or_too_slow_is_unreadable() -> None:
    content = MemoryContent()
    token = pointing_to(content, b" " * (2**20 + 1), asset())
    assert _found(await _report(token, content))["metadata"].verdict == "unreadable"

    class Slow(MemoryContent):
        async def block(self, cid: str) -> bytes:
            await asyncio.Event().wait()
            return b""

    slow = Slow()
    report = await _report(minted(slow), slow, content_s=0.01)
    assert _found(report)["metadata"] == Check("metadata", "unreadable", "it did not come back within 0.01 s")


async def test_events_that_the_node_does_not_give_leave_the_rest_checked() -> None:
    content = MemoryContent()
    token = replace(minted(content), mint=None, mint_problem="the node has no events of its mint")
    report = await _report(token, content)
    assert _verdicts(report) == {"prompt_history": "unreadable", "creator": "unreadable"}
    assert _found(report)["prompt_history"].reason == "the node has no events of its mint"
    assert report.transaction_url == ""


async def test_no_token_and_no_chain_are_errors() -> None:
    content, registry = MemoryContent(), MemoryTokens()
    tokens = Tokens(lambda: registry, PinnedContent(content), load_chain("local"))
    with pytest.raises(NotFound):
        await tokens.verify(1)
    registry.error = Unavailable("the node is down")
    with pytest.raises(Unavailable):
        await tokens.verify(1)

    def not_deployed() -> MemoryTokens:
        raise Unavailable("GITEX_CHAIN_ADDRESSES: deploy the contracts")

    with pytest.raises(Unavailable, match="GITEX_CHAIN_ADDRESSES"):
        await Tokens(not_deployed, PinnedContent(content), load_chain("local")).verify(1)


async def test_only_so_many_are_read_at_once_and_a_failure_gives_its_place_back() -> None:
    content = MemoryContent()
    token = minted(content)
    gate = asyncio.Event()

    class Gated(MemoryTokens):
        async def read(self, token_id: int) -> Token:
            await gate.wait()
            return await super().read(token_id)

    registry = Gated({token.id: token})
    tokens = Tokens(lambda: registry, PinnedContent(content), load_chain("local"), at_once=2)
    waiting = [asyncio.create_task(tokens.verify(number)) for number in (token.id, 7)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await tokens.verify(token.id)
    gate.set()
    first, second = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(first, TokenReport)
    assert isinstance(second, NotFound)
    assert (await tokens.verify(token.id)).matches
