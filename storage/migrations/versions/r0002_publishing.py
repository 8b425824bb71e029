"""Assets that can be listed and deleted; publications, pins, the block index, cache writes and templates."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROWS_AT_ONCE = 500
_ASSET_INDEXES = {
    "ix_assets_cid": ["cid"],
    "ix_assets_spec_digest": ["spec_digest"],
    "ix_assets_weights_digest": ["weights_digest"],
    "ix_assets_deleted_at": ["deleted_at"],
    "ix_assets_newest": ["created_at", "id"],
    "ix_assets_variant": ["variant", "created_at", "id"],
    "ix_assets_kind": ["kind", "created_at", "id"],
    "ix_assets_parent": ["parent_id", "created_at", "id"],
    "ix_assets_creator": ["creator", "created_at", "id"],
}


def upgrade() -> None:
    """Add the columns, read their values out of the specs, add the other tables."""
    _add_columns()
    _fill(op.get_bind())
    op.drop_index("ix_assets_created_at", "assets")
    for name, columns in _ASSET_INDEXES.items():
        op.create_index(name, "assets", columns)
    _create_publications()
    _create_pins()
    _create_blocks()
    _create_cache_writes()
    _create_templates()


def _add_columns() -> None:
    for column in (
        sa.Column("cid", sa.String(128), nullable=False, server_default=""),
        sa.Column("spec_digest", sa.String(64), nullable=False, server_default=""),
        sa.Column("kind", sa.String(16), nullable=False, server_default="image"),
        sa.Column("variant", sa.String(256), nullable=False, server_default=""),
        sa.Column("weights_digest", sa.String(80), nullable=False, server_default=""),
        sa.Column("prompt_folded", sa.Text(), nullable=False, server_default=""),
        sa.Column("creator", sa.String(256), nullable=False, server_default="anonymous"),
        sa.Column("public", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("parent_id", sa.String(64), nullable=False, server_default=""),
        sa.Column("prompt_history", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("state", sa.String(16), nullable=False, server_default="kept"),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
    ):
        op.add_column("assets", column)


def _fill(connection: sa.Connection) -> None:
    assets = sa.table("assets", sa.column("id"), sa.column("spec"), *(sa.column(name) for name in _values("{}")))
    last = ""
    while True:
        page = sa.select(assets.c.id, assets.c.spec).where(assets.c.id > last).order_by(assets.c.id)
        rows = connection.execute(page.limit(_ROWS_AT_ONCE)).all()
        for asset_id, spec in rows:
            connection.execute(sa.update(assets).where(assets.c.id == asset_id).values(**_values(spec)))
        if len(rows) < _ROWS_AT_ONCE:
            return
        last = rows[-1][0]


def _values(spec: str) -> dict[str, str]:
    """What the columns of an old row are, by its spec's JSON."""
    fields: dict[str, Any] = json.loads(spec)
    variant, settings = fields.get("variant", {}), fields.get("settings", {})
    prompt = fields.get("prompt", "")
    return {
        "spec_digest": hashlib.sha256(spec.encode()).hexdigest(),
        "kind": _kind(settings),
        "variant": f"{variant.get('name', '')}@{variant.get('version', '')}",
        "weights_digest": variant.get("weights_digest", ""),
        "prompt_folded": prompt.casefold().replace("\0", "\ufffd"),
        "prompt_history": json.dumps([prompt]),
    }


def _kind(settings: dict[str, Any]) -> str:
    if settings.get("source") is not None:
        return "edit"
    return "animation" if settings.get("end_seed") is not None else "image"


def _create_publications() -> None:
    op.create_table(
        "publications",
        sa.Column("asset_id", sa.String(64), nullable=False),
        sa.Column("cid", sa.String(128), nullable=False),
        sa.Column("metadata_cid", sa.String(128), nullable=False),
        sa.Column("metadata_blob", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("lease_owner", sa.String(64), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id"),
    )
    op.create_index("ix_publications_cid", "publications", ["cid"])
    op.create_index("ix_publications_due", "publications", ["state", "next_at"])


def _create_pins() -> None:
    op.create_table(
        "pins",
        sa.Column("cid", sa.String(128), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("asset_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("remote_id", sa.String(256), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cid", "target"),
    )
    op.create_index("ix_pins_asset_id", "pins", ["asset_id"])
    op.create_index("ix_pins_state", "pins", ["target", "state", "checked_at"])


def _create_blocks() -> None:
    op.create_table(
        "blocks",
        sa.Column("root", sa.String(128), nullable=False),
        sa.Column("cid", sa.String(128), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("root", "cid"),
    )
    op.create_index("ix_blocks_cid", "blocks", ["cid"])
    op.create_index("ix_blocks_blob", "blocks", ["blob"])


def _create_cache_writes() -> None:
    op.create_table(
        "cache_writes",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("asset_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cache_writes_asset_id", "cache_writes", ["asset_id"])
    op.create_index("ix_cache_writes_oldest", "cache_writes", ["created_at", "id"])


def _create_templates() -> None:
    op.create_table(
        "templates",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("slots", sa.Text(), nullable=False),
        sa.Column("seed", sa.String(20), nullable=False),
        sa.Column("creator", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_templates_newest", "templates", ["created_at", "id"])
    op.create_table(
        "template_uses",
        sa.Column("template_id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rendering", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("last_used", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("template_id", "digest"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_template_uses_popular", "template_uses", ["template_id", "uses", "last_used"])
    op.create_index("ix_template_uses_recent", "template_uses", ["template_id", "last_used"])
