"""Listing, finding and deleting assets, on SQLite and PostgreSQL: who may see what is decided in the query."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gitex.assets import Asset, AssetQuery
from gitex.errors import AssetDeleted, AssetNotFound, InvalidInput, Unavailable
from gitex.events import StageSeconds
from gitex.specs import DiffusionSettings, GanSettings, ImageSpec, SourceImage
from gitex.variants import Variant
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.database import transaction
from storage.tables import AssetRecord, CacheWriteRecord, PublicationRecord

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIFFUSION = DiffusionSettings(steps=20, guidance_scale=2.0, sampler="ddim")


def _asset(name: str, prompt: str = "a star", *, at: float = 0, version: int = 1, **changes: object) -> Asset:
    content = name.encode()
    spec = ImageSpec(Variant("starter", version, "sha256:" + "a" * 64), prompt, 64, 64, 7, DIFFUSION)
    asset = Asset(
        id=f"ast_{name}",
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/png",
        size=len(content),
        spec=spec,
        stages=StageSeconds(),
        created_at=START + timedelta(seconds=at),
        creator="ada",
    )
    return replace(asset, **changes)


class Shelf:
    """A store, filled by name: an asset's bytes are its name."""

    def __init__(self, store: SqlAssetStore) -> None:
        self.store = store

    async def save(self, *assets: Asset) -> None:
        for asset in assets:
            await self.store.save(asset, asset.id.removeprefix("ast_").encode())

    async def names(self, viewer: str | None = "ada", **query: object) -> list[str]:
        page = await self.store.list(AssetQuery(viewer, **query))
        return [asset.id.removeprefix("ast_") for asset in page.assets]


@pytest.fixture
async def shelf(database_url: str, tmp_path: Path) -> AsyncIterator[Shelf]:
    store = await SqlAssetStore.open(database_url, LocalBlobStore(tmp_path / "blobs"))
    yield Shelf(store)
    await store.close()


async def test_new_fields_come_back_exactly(shelf: Shelf) -> None:
    asset = _asset(
        "x", cid="bafy", public=False, parent_id="ast_p", prompt_history=("a ☆", "a\0b", "a star"), creator="schön"
    )
    await shelf.save(asset)
    assert await shelf.store.get("ast_x") == asset


async def test_the_newest_come_first_and_pages_follow_each_other_without_a_gap(shelf: Shelf) -> None:
    # Several share a moment: the id decides.
    await shelf.save(*(_asset(f"{number:02}", at=number // 3) for number in range(20)))
    wanted = [f"{number:02}" for number in reversed(range(20))]
    assert await shelf.names() == wanted
    seen, after = [], ""
    while True:
        page = await shelf.store.list(AssetQuery("ada", after=after, limit=3))
        seen += [asset.id.removeprefix("ast_") for asset in page.assets]
        if not page.next:
            break
        after = page.next
        # What comes meanwhile is newer, and what goes was shown.
        await shelf.save(_asset(f"late-{len(seen)}", at=99))
        await shelf.store.delete(page.assets[-1].id, "ada")
    assert seen == wanted


async def test_the_last_page_says_that_it_is_the_last(shelf: Shelf) -> None:
    await shelf.save(*(_asset(name, at=at) for at, name in enumerate("abcd")))
    first = await shelf.store.list(AssetQuery("ada", limit=2))
    second = await shelf.store.list(AssetQuery("ada", limit=2, after=first.next))
    assert (bool(first.next), second.next) == (True, "")
    assert (await shelf.store.list(AssetQuery("nobody", variant="none@1"))).assets == ()


async def test_filters_narrow_and_go_together(shelf: Shelf) -> None:
    edit = replace(DIFFUSION, source=SourceImage("b" * 64, 0.5))
    await shelf.save(
        _asset("still"),
        _asset("edit", at=1, parent_id="ast_still", spec=replace(_asset("").spec, settings=edit)),
        _asset("moving", at=2, spec=replace(_asset("").spec, settings=GanSettings(end_seed=3, frames=9))),
        _asset("other", at=3, version=2),
    )
    assert await shelf.names(kind="image") == ["other", "still"]
    assert await shelf.names(kind="edit") == ["edit"]
    assert await shelf.names(kind="animation") == ["moving"]
    assert await shelf.names(variant="starter@2") == ["other"]
    assert await shelf.names(parent_id="ast_still") == ["edit"]
    assert await shelf.names(kind="image", variant="starter@1", text="star") == ["still"]
    assert await shelf.names(kind="edit", variant="starter@2") == []


PROMPTS = {
    "teal": "a Teal ring",
    "star": "une étoile",
    "street": "eine Straße",
    "percent": "100% of it",
    "score": "snake_case",
    "slash": "a\\b",
    "nul": "a\0b",
}
SEARCHES = {
    "TEAL": ["teal"],
    "ÉTOILE": ["star"],
    "strasse": ["street"],
    "100%": ["percent"],
    "0% o": ["percent"],
    "%": ["percent"],
    "_": ["score"],
    "\\": ["slash"],
    "'; DROP TABLE assets; --": [],
    "a\0b": ["nul"],
    "": list(reversed(PROMPTS)),
}


async def test_text_is_looked_for_literally_and_in_any_case(shelf: Shelf) -> None:
    await shelf.save(*(_asset(name, prompt, at=at) for at, (name, prompt) in enumerate(PROMPTS.items())))
    assert {text: await shelf.names(text=text) for text in SEARCHES} == SEARCHES


async def test_only_the_public_and_ones_own_are_seen(shelf: Shelf) -> None:
    await shelf.save(_asset("open"), _asset("secret", at=1, public=False), _asset("bobs", at=2, creator="bob"))
    assert await shelf.names("ada") == ["bobs", "secret", "open"]
    assert await shelf.names("bob") == ["bobs", "open"]
    assert await shelf.names(None) == ["bobs", "secret", "open"]
    assert (await shelf.store.get("ast_secret", "ada")).id == "ast_secret"
    with pytest.raises(AssetNotFound, match="there is no asset"):
        await shelf.store.get("ast_secret", "bob")
    secret = _asset("secret").sha256
    assert await shelf.store.find(secret, "bob") is None
    assert await shelf.store.find(secret, "ada") == _asset("secret", at=1, public=False)


async def test_the_newest_of_equal_bytes_is_found(shelf: Shelf) -> None:
    await shelf.save(_asset("x"))
    newer = replace(_asset("x"), id="ast_newer", created_at=START + timedelta(days=1))
    await shelf.store.save(newer, b"x")
    assert await shelf.store.find(newer.sha256, "bob") == newer
    await shelf.store.delete("ast_newer", "ada")
    assert await shelf.store.find(newer.sha256, "bob") == _asset("x")


async def test_a_deleted_asset_leaves_a_tombstone(shelf: Shelf) -> None:
    await shelf.save(_asset("x"), _asset("y", at=1))
    await shelf.store.delete("ast_x", "ada")
    assert await shelf.names() == ["y"]
    for again in (shelf.store.get("ast_x"), shelf.store.get("ast_x", "bob"), shelf.store.delete("ast_x", "ada")):
        with pytest.raises(AssetDeleted, match="was deleted at 20"):
            await again
    with pytest.raises(InvalidInput, match="taken"):
        await shelf.save(_asset("x"))


async def test_only_the_owner_deletes(shelf: Shelf) -> None:
    await shelf.save(_asset("x"), _asset("hidden", public=False))
    with pytest.raises(AssetNotFound, match="not yours"):
        await shelf.store.delete("ast_x", "bob")
    for name in ("ast_hidden", "ast_none"):
        with pytest.raises(AssetNotFound, match="there is no asset"):
            await shelf.store.delete(name, "bob")
    assert len(await shelf.names()) == 2
    await shelf.store.delete("ast_x", None)
    assert await shelf.names() == ["hidden"]


async def test_a_private_tombstone_is_not_told_to_others(shelf: Shelf) -> None:
    await shelf.save(_asset("x", public=False))
    await shelf.store.delete("ast_x", "ada")
    with pytest.raises(AssetNotFound) as caught:
        await shelf.store.get("ast_x", "bob")
    assert not isinstance(caught.value, AssetDeleted)


async def test_a_limit_out_of_bounds_and_a_cursor_that_no_page_gave_are_refused(shelf: Shelf) -> None:
    for limit in (0, -1, 101):
        with pytest.raises(InvalidInput) as caught:
            await shelf.names(limit=limit)
        assert caught.value.param == "limit"
    for after in ("x", "ast_x", "★", "AAAA", "MjAyNi0xMS0yNA", "====", "MjAyNi0xMS0yNCAA"):
        with pytest.raises(InvalidInput) as caught:
            await shelf.names(after=after)
        assert caught.value.param == "after"


async def test_what_no_database_can_hold_is_simply_not_found(shelf: Shelf) -> None:
    with pytest.raises(AssetNotFound):
        await shelf.store.get("ast_\0", "a\0b")
    assert await shelf.names("a\0b", variant="\0", parent_id="\0") == []


async def test_word_for_the_cache_and_for_ipfs_is_left_in_the_same_transaction(shelf: Shelf) -> None:
    await shelf.store.save(_asset("x", cid="bafy"), b"x", cache=True, publish=True)
    await shelf.store.save(_asset("y"), b"y")
    async with transaction(shelf.store.engine) as session:
        writes = (await session.scalars(select(CacheWriteRecord))).all()
        publications = (await session.scalars(select(PublicationRecord))).all()
    assert [(write.asset_id, write.digest) for write in writes] == [("ast_x", _asset("x").spec.digest())]
    assert [(each.asset_id, each.cid, each.state) for each in publications] == [("ast_x", "bafy", "queued")]
    # A second one that cannot be written takes the asset with it.
    async with transaction(shelf.store.engine) as session:
        session.add(PublicationRecord(asset_id="ast_z", cid=""))
    with pytest.raises(InvalidInput):
        await shelf.store.save(_asset("z"), b"z", cache=True, publish=True)
    async with transaction(shelf.store.engine) as session:
        assert await session.get(AssetRecord, "ast_z") is None
        assert len((await session.scalars(select(CacheWriteRecord))).all()) == 1


async def test_a_deleted_asset_is_no_longer_to_be_cached(shelf: Shelf) -> None:
    await shelf.store.save(_asset("x"), b"x", cache=True)
    await shelf.store.delete("ast_x", "ada")
    async with transaction(shelf.store.engine) as session:
        assert (await session.scalars(select(CacheWriteRecord))).all() == []


async def test_two_who_delete_at_once_are_told_apart(shelf: Shelf) -> None:
    await shelf.save(_asset("x"))
    results = await asyncio.gather(*(shelf.store.delete("ast_x", "ada") for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AssetDeleted"] * 3 + ["NoneType"]


async def test_a_cid_is_recorded_once(shelf: Shelf) -> None:
    await shelf.save(_asset("x"), _asset("y", cid="bafy"))
    await shelf.store.set_cid("ast_x", "bafkrei")
    await shelf.store.set_cid("ast_x", "another")
    assert (await shelf.store.get("ast_x")).cid == "bafkrei"
    assert (await shelf.store.get("ast_y")).cid == "bafy"


async def test_a_server_that_is_gone_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened") as caught:
        await SqlAssetStore.open("postgresql+asyncpg://me:hidden@127.0.0.1:9/gitex", LocalBlobStore(tmp_path))
    assert "hidden" not in caught.value.message


async def test_a_database_that_is_not_there_is_unavailable(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await SqlAssetStore.open(f"{postgres_url}-not", LocalBlobStore(tmp_path))
