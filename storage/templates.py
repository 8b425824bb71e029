"""Prompt templates in SQL, and how often each rendering of one was asked for."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Executable, delete, literal, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from gitex.errors import Conflict, NotFound
from gitex.templates import (
    MAX_POPULAR,
    PopularRendering,
    PromptTemplate,
    Rendering,
    StoredTemplate,
    TemplatePage,
    slots_from_json,
    slots_to_json,
)
from storage.columns import UtcDateTime, utc_now
from storage.cursors import cursor, read_cursor
from storage.database import transaction
from storage.tables import TemplateRecord, TemplateUseRecord


class SqlTemplateStore:
    """Implements `gitex.ports.TemplateStore`.

    `remembered`: of so many renderings a template's uses are kept, those that were used last.
    """

    def __init__(self, engine: AsyncEngine, remembered: int = MAX_POPULAR) -> None:
        self._engine = engine
        self._remembered = remembered

    async def add(self, template: StoredTemplate) -> None:
        """Keep it. Raises `Conflict` if its name is taken."""
        try:
            async with transaction(self._engine) as session:
                session.add(_record(template))
        except IntegrityError as problem:
            raise Conflict(f"name: there is a template {template.name!r} already", param="name") from problem

    async def get(self, key: str) -> StoredTemplate:
        """The template of that id or name. Raises `NotFound`."""
        async with transaction(self._engine) as session:
            record = await session.scalar(select(TemplateRecord).where(_called(key)))
        if record is None:
            raise _no_template(key)
        return _template(record)

    async def list(self, after: str = "", limit: int = 20) -> TemplatePage:
        """Newest first. Raises `InvalidInput` for an `after` that no page gave."""
        query = select(TemplateRecord).order_by(TemplateRecord.created_at.desc(), TemplateRecord.id.desc())
        if after:
            moment, last_id = read_cursor(after)
            place = tuple_(literal(moment, UtcDateTime()), literal(last_id))
            query = query.where(tuple_(TemplateRecord.created_at, TemplateRecord.id) < place)
        async with transaction(self._engine) as session:
            # One more than asked for tells whether there is another page.
            records = (await session.scalars(query.limit(limit + 1))).all()
        shown = records[:limit]
        following = cursor(shown[-1].created_at, shown[-1].id) if len(records) > limit else ""
        return TemplatePage(tuple(_template(each) for each in shown), following)

    async def delete(self, key: str, owner: str | None = None) -> None:
        """Forget it and its uses. Raises `NotFound` if there is none, or none of that owner."""
        query = delete(TemplateRecord).where(_called(key))
        if owner is not None:
            query = query.where(TemplateRecord.creator == owner)
        async with transaction(self._engine) as session:
            # The uses go with it: see the foreign key.
            if not cast(CursorResult[None], await session.execute(query)).rowcount:
                raise _no_template(key)

    async def record(self, template_id: str, uses: Mapping[Rendering, int]) -> None:
        """Count more uses of these renderings; nothing happens if the template is gone."""
        # In one order everywhere, so that two processes never wait for each other's rows.
        rows = sorted(_rows(template_id, uses), key=lambda row: str(row["digest"]))
        try:
            async with transaction(self._engine) as session:
                for row in rows:
                    await session.execute(self._counted(row))
                await self._forget(session, template_id)
        except IntegrityError:
            # Deleted meanwhile.
            return

    async def popular(self, template_id: str, limit: int) -> Sequence[PopularRendering]:
        """The most used renderings first; equally used ones, the last used first."""
        use = TemplateUseRecord
        query = select(use).where(use.template_id == template_id).limit(limit)
        async with transaction(self._engine) as session:
            records = await session.scalars(query.order_by(use.uses.desc(), use.last_used.desc(), use.digest))
            return [PopularRendering(Rendering(each.rendering, each.settings), each.uses) for each in records]

    def _counted(self, row: dict[str, object]) -> Executable:
        """The insertion of `row`, or the addition of its uses to the row that is there."""
        use = TemplateUseRecord
        key = (use.template_id, use.digest)
        if self._engine.dialect.name == "postgresql":
            new = postgresql.insert(use).values(row)
            return new.on_conflict_do_update(index_elements=key, set_=_changes(new.excluded))
        other = sqlite.insert(use).values(row)
        return other.on_conflict_do_update(index_elements=key, set_=_changes(other.excluded))

    async def _forget(self, session: AsyncSession, template_id: str) -> None:
        """All but the last used."""
        use = TemplateUseRecord
        kept = select(use.digest).where(use.template_id == template_id)
        kept = kept.order_by(use.last_used.desc(), use.digest).limit(self._remembered)
        await session.execute(delete(use).where(use.template_id == template_id, use.digest.not_in(kept)))


def _called(key: str) -> ColumnElement[bool]:
    # No name looks like an id, so at most one row fits.
    return or_(TemplateRecord.id == key, TemplateRecord.name == key)


def _no_template(key: str) -> NotFound:
    return NotFound(f"there is no template {key!r}", param="template")


def _rows(template_id: str, uses: Mapping[Rendering, int]) -> list[dict[str, object]]:
    moment = utc_now()
    return [
        {
            "template_id": template_id,
            "digest": hashlib.sha256(f"{rendering.values}\n{rendering.settings}".encode()).hexdigest(),
            "rendering": rendering.values,
            "settings": rendering.settings,
            "uses": more,
            "last_used": moment,
        }
        for rendering, more in uses.items()
    ]


def _changes(row: ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]) -> dict[str, ColumnElement[Any]]:
    return {"uses": TemplateUseRecord.uses + row.uses, "last_used": row.last_used}


def _record(template: StoredTemplate) -> TemplateRecord:
    return TemplateRecord(
        id=template.id,
        name=template.name,
        text=template.prompt.text,
        slots=slots_to_json(template.prompt.slots),
        seed=str(template.seed),
        creator=template.creator,
        created_at=template.created_at,
    )


def _template(record: TemplateRecord) -> StoredTemplate:
    return StoredTemplate(
        id=record.id,
        name=record.name,
        prompt=PromptTemplate(record.text, slots_from_json(record.slots)),
        seed=int(record.seed),
        creator=record.creator,
        created_at=record.created_at,
    )
