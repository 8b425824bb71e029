"""Prompt templates in SQL, on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gitex.errors import Conflict, InvalidInput, NotFound, Unavailable
from gitex.ports import TemplateStore
from gitex.slots import ChoiceSlot, IntegerSlot, TextSlot
from gitex.templates import PopularRendering, PromptTemplate, Rendering, StoredTemplate
from storage.database import open_database
from storage.templates import SqlTemplateStore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EMBLEM = StoredTemplate(
    id="tpl_1",
    name="emblem",
    prompt=PromptTemplate(
        "{count} {colour} ☆, {words}",
        (ChoiceSlot("colour", ("red", "grün")), IntegerSlot("count", -1, 10**9), TextSlot("words", 40)),
    ),
    seed=2**64 - 1,
    creator="ann",
    created_at=NOON,
)


def rendering(number: int, settings: int = 0) -> Rendering:
    return Rendering.of({"count": number}, {"steps": settings} if settings else {})


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> TemplateStore:
    return SqlTemplateStore(engine)


async def test_a_template_comes_back_exactly_by_its_id_and_by_its_name(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    assert await store.get("tpl_1") == EMBLEM
    assert await store.get("emblem") == EMBLEM
    with pytest.raises(NotFound, match="medal"):
        await store.get("medal")


async def test_a_name_is_given_once(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    with pytest.raises(Conflict, match="emblem") as caught:
        await store.add(replace(EMBLEM, id="tpl_2", seed=1))
    assert caught.value.param == "name"
    assert await store.get("emblem") == EMBLEM
    many = (store.add(replace(EMBLEM, id=f"tpl_{turn}", name="medal")) for turn in range(3, 8))
    assert sorted(type(one).__name__ for one in await asyncio.gather(*many, return_exceptions=True)) == [
        *["Conflict"] * 4,
        "NoneType",
    ]


async def test_pages_go_from_the_newest_to_the_oldest_and_lose_none_of_the_same_moment(store: TemplateStore) -> None:
    for turn in range(7):
        moment = NOON + timedelta(microseconds=turn // 3)
        await store.add(replace(EMBLEM, id=f"tpl_{turn}", name=f"n{turn}", created_at=moment))
    seen, after = list[str](), ""
    while True:
        page = await store.list(after, limit=2)
        seen += [template.id for template in page.templates]
        if not (after := page.next):
            break
        await store.add(
            replace(EMBLEM, id=f"late{after[-1]}", name=f"late{after[-1]}", created_at=NOON.replace(hour=13))
        )
    assert seen == ["tpl_6", "tpl_5", "tpl_4", "tpl_3", "tpl_2", "tpl_1", "tpl_0"]


async def test_the_last_page_says_so_even_when_it_is_full(store: TemplateStore) -> None:
    for turn in range(2):
        await store.add(replace(EMBLEM, id=f"tpl_{turn}", name=f"n{turn}"))
    assert (await store.list(limit=2)).next == ""
    assert (await store.list(limit=1)).next != ""


@pytest.mark.parametrize("after", ["x", "~", "é", "MjAyNi0wMS0wMSAA", "MjAyNi0wMS0wMQ", "IHRwbF8x", "9" * 50])
async def test_an_after_that_no_page_gave_is_refused(store: TemplateStore, after: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await store.list(after)
    assert caught.value.param == "after"


async def test_deleting_takes_the_uses_along_and_frees_the_name(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    await store.record("tpl_1", {rendering(1): 5})
    await store.delete("emblem")
    with pytest.raises(NotFound):
        await store.get("tpl_1")
    with pytest.raises(NotFound):
        await store.delete("emblem")
    await store.add(EMBLEM)
    assert list(await store.popular("tpl_1", 9)) == []


async def test_only_the_owner_deletes_when_an_owner_is_asked_for(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    with pytest.raises(NotFound):
        await store.delete("emblem", owner="bob")
    assert await store.get("emblem") == EMBLEM
    await store.delete("emblem", owner="ann")


async def test_uses_add_up_and_the_most_used_come_first(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    await store.record("tpl_1", {rendering(1): 1, rendering(2): 3})
    await store.record("tpl_1", {rendering(1): 1, rendering(1, settings=5): 2})
    found = list(await store.popular("tpl_1", 9))
    assert found == [
        PopularRendering(rendering(2), 3),
        *sorted(found[1:], key=lambda each: each.rendering == rendering(1)),
    ]
    assert {each.rendering: each.uses for each in found[1:]} == {rendering(1): 2, rendering(1, settings=5): 2}
    assert [each.uses for each in await store.popular("tpl_1", 1)] == [3]


async def test_of_equally_used_ones_the_last_used_comes_first(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    for number in (1, 2, 3, 1):
        await store.record("tpl_1", {rendering(number): 1 if number == 1 else 2})
    assert [each.rendering for each in await store.popular("tpl_1", 9)] == [rendering(n) for n in (1, 3, 2)]


async def test_only_the_last_used_are_remembered(engine: AsyncEngine) -> None:
    store = SqlTemplateStore(engine, remembered=3)
    await store.add(EMBLEM)
    await store.add(replace(EMBLEM, id="tpl_2", name="other"))
    await store.record("tpl_2", {rendering(9): 1})
    for number in (1, 2, 3, 1, 4):
        await store.record("tpl_1", {rendering(number): 1})
    assert {each.rendering for each in await store.popular("tpl_1", 9)} == {rendering(n) for n in (1, 3, 4)}
    assert len(await store.popular("tpl_2", 9)) == 1


async def test_uses_of_a_template_that_is_gone_are_nothing(store: TemplateStore) -> None:
    await store.record("tpl_none", {rendering(1): 1})
    assert list(await store.popular("tpl_none", 9)) == []


async def test_uses_that_are_counted_at_the_same_time_all_count(store: TemplateStore) -> None:
    await store.add(EMBLEM)
    uses = [{rendering(n): 1 for n in range(turn, turn + 5)} for turn in (0, 1, 2, 3)] * 5
    await asyncio.gather(*(store.record("tpl_1", each) for each in uses))
    found = {each.rendering: each.uses for each in await store.popular("tpl_1", 99)}
    assert found == {rendering(n): 5 * count for n, count in enumerate([1, 2, 3, 4, 4, 3, 2, 1])}


async def test_a_broken_database_is_unavailable(engine: AsyncEngine, store: TemplateStore) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE template_uses"))
        await connection.execute(text("DROP TABLE templates"))
    for call in (
        store.add(EMBLEM),
        store.get("emblem"),
        store.list(),
        store.delete("emblem"),
        store.record("tpl_1", {rendering(1): 1}),
        store.popular("tpl_1", 9),
    ):
        with pytest.raises(Unavailable):
            await call
