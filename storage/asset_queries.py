"""Which assets a query means. Who may see and who may change what is part of the SQL, and nowhere else."""

from sqlalchemy import ColumnElement, Select, and_, literal, or_, select, true, tuple_

from gitex.assets import AssetQuery
from gitex.errors import InvalidInput
from storage import cursors
from storage.columns import UtcDateTime, folded
from storage.tables import AssetRecord

MAX_LIMIT = 100


def visible_to(viewer: str | None) -> ColumnElement[bool]:
    """What is public or the viewer's own; everything for None."""
    return true() if viewer is None else or_(AssetRecord.public, AssetRecord.creator == viewer)


def owned_by(viewer: str | None) -> ColumnElement[bool]:
    """The viewer's own; everything for None."""
    return true() if viewer is None else AssetRecord.creator == viewer


def newest_first(assets: Select[AssetRecord]) -> Select[AssetRecord]:
    """The order of every listing; the id makes it total."""
    return assets.order_by(AssetRecord.created_at.desc(), AssetRecord.id.desc())


def page(query: AssetQuery) -> Select[AssetRecord]:
    """The rows of a page and one more, which says whether another follows. Raises `InvalidInput`."""
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(f"limit: must be 1 to {MAX_LIMIT}", param="limit")
    wanted = [AssetRecord.state == "kept", visible_to(query.viewer)]
    if query.kind is not None:
        wanted.append(AssetRecord.kind == query.kind)
    if query.variant:
        wanted.append(AssetRecord.variant == query.variant)
    if query.parent_id:
        wanted.append(AssetRecord.parent_id == query.parent_id)
    if query.text:
        wanted.append(AssetRecord.prompt_folded.contains(folded(query.text), autoescape=True))
    if query.after:
        created_at, asset_id = cursors.read_cursor(query.after)
        place = tuple_(literal(created_at, UtcDateTime()), literal(asset_id))
        wanted.append(tuple_(AssetRecord.created_at, AssetRecord.id) < place)
    return newest_first(select(AssetRecord).where(and_(*wanted))).limit(query.limit + 1)


def cursor(record: AssetRecord) -> str:
    """The place of a row in the listing, in letters, digits, `-` and `_`."""
    return cursors.cursor(record.created_at, record.id)
