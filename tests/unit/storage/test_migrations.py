"""Databases of old are brought to the newest schema, whole or not at all, and nothing in them is lost."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gitex.assets import AssetQuery
from gitex.errors import Unavailable
from gitex.specs import DiffusionSettings, GanSettings, ImageSpec, SourceImage
from gitex.variants import Variant
from storage import migrations
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.chain_tables import MintRecord
from storage.database import open_database
from storage.ipfs.unixfs import file_cid
from storage.mint_outbox import SqlMintOutbox
from storage.mints import SqlMints
from storage.tables import AssetRecord, PublicationRecord
from tests.fakes.mint_outbox import CONTRACT, SENDER, order_of
from tests.fakes.minted_assets import asset_of

# As `create_all` made it before there were migrations.
BEFORE_MIGRATIONS = (
    """CREATE TABLE assets (
        id VARCHAR(64) NOT NULL, sha256 VARCHAR(64) NOT NULL, media_type VARCHAR(64) NOT NULL, size INTEGER NOT NULL,
        spec TEXT NOT NULL, stages TEXT NOT NULL, created_at MOMENT NOT NULL, execution TEXT, PRIMARY KEY (id))""",
    "CREATE INDEX ix_assets_sha256 ON assets (sha256)",
    "CREATE INDEX ix_assets_created_at ON assets (created_at)",
)
VERY_FIRST = (BEFORE_MIGRATIONS[0].replace("execution TEXT, ", ""), *BEFORE_MIGRATIONS[1:])
VARIANT = Variant("starter-diffusion", 2, "sha256:" + "a" * 64)
DIFFUSION = DiffusionSettings(steps=20, guidance_scale=1.5, sampler="ddim")
SPECS = {
    "ast_still": ImageSpec(VARIANT, 'a "TEAL" Straße ☆', 128, 128, 7, DIFFUSION),
    "ast_edit": ImageSpec(
        VARIANT, "a red star", 128, 128, 8, DiffusionSettings(20, 1.5, "ddim", source=SourceImage("b" * 64, 0.5))
    ),
    "ast_moving": ImageSpec(VARIANT, "a ring", 128, 128, 9, GanSettings(end_seed=10, frames=24)),
}


def _row(asset_id: str, spec: str) -> dict[str, Any]:
    return {
        "id": asset_id,
        "sha256": "c" * 64,
        "media_type": "image/png",
        "size": 9,
        "spec": spec,
        "stages": json.dumps({"queue": 0.0, "encode": 0.0, "denoise": 1.5, "decode": 0.0}),
        "created_at": datetime(2026, 11, 22, 13, 37, 1, 123456),
    }


async def _make(url: str, statements: tuple[str, ...], specs: dict[str, str]) -> None:
    assets = sa.table("assets", *(sa.column(name) for name in _row("", "")))
    async with _connected(url) as connection:
        moment_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP"
        for statement in statements:
            await connection.exec_driver_sql(statement.replace("MOMENT", moment_type))
        for asset_id, spec in specs.items():
            row = _row(asset_id, spec)
            moment = sa.literal(row.pop("created_at"), sa.DateTime())
            await connection.execute(sa.insert(assets).values(**row, created_at=moment))
        await connection.commit()


class _connected:  # noqa: N801 -- used as a function
    """A connection as the driver gives it, without anything of ours."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url)

    async def __aenter__(self) -> AsyncConnection:
        self._connection = await self._engine.connect()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()
        await self._engine.dispose()


@pytest.mark.parametrize("schema", [BEFORE_MIGRATIONS, VERY_FIRST], ids=["before migrations", "the very first"])
async def test_an_old_database_keeps_its_rows_and_their_new_columns_are_read_from_the_specs(
    database_url: str, schema: tuple[str, ...], tmp_path: Path
) -> None:
    await _make(database_url, schema, {name: spec.canonical() for name, spec in SPECS.items()})
    store = await SqlAssetStore.open(database_url, LocalBlobStore(tmp_path / "blobs"))
    try:
        for asset_id, spec in SPECS.items():
            asset = await store.get(asset_id)
            assert (asset.spec, asset.sha256, asset.stages.denoise) == (spec, "c" * 64, 1.5)
            assert asset.created_at == datetime(2026, 11, 22, 13, 37, 1, 123456, tzinfo=UTC)
            assert (asset.creator, asset.public, asset.state, asset.cid) == ("anonymous", True, "kept", "")
            assert (asset.prompt_history, asset.parent_id, asset.execution) == ((spec.prompt,), "", None)
        found = await store.list(AssetQuery("anyone", kind="edit", variant="starter-diffusion@2", text="RED"))
        assert [asset.id for asset in found.assets] == ["ast_edit"]
        found = await store.list(AssetQuery("anyone", text='teal" STRASSE'))
        assert [asset.id for asset in found.assets] == ["ast_still"]
    finally:
        await store.close()
    async with _connected(database_url) as connection:
        query = "SELECT id, kind, weights_digest, spec_digest FROM assets"
        rows = {row.id: tuple(row)[1:] for row in await connection.exec_driver_sql(query)}
    kinds = {"ast_still": "image", "ast_edit": "edit", "ast_moving": "animation"}
    assert rows == {name: (kinds[name], VARIANT.weights_digest, spec.digest()) for name, spec in SPECS.items()}


async def test_more_old_rows_than_are_read_at_once_are_all_filled(sqlite_url: str) -> None:
    text = SPECS["ast_still"].canonical()
    await _make(sqlite_url, BEFORE_MIGRATIONS, {f"ast_{number}": text for number in range(1_001)})
    await (await open_database(sqlite_url)).dispose()
    digest = hashlib.sha256(text.encode()).hexdigest()
    async with _connected(sqlite_url) as connection:
        rows = await connection.exec_driver_sql(f"SELECT count(*) FROM assets WHERE spec_digest = '{digest}'")
        assert rows.scalar_one() == 1_001


@pytest.mark.parametrize("old", [(), BEFORE_MIGRATIONS], ids=["new", "upgraded"])
async def test_models_and_migrations_agree(database_url: str, old: tuple[str, ...]) -> None:
    await _make(database_url, old, {})
    engine = await open_database(database_url)
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(
                    MigrationContext.configure(sync, opts={"compare_type": True}), MintRecord.metadata
                )
            )
    finally:
        await engine.dispose()
    assert differences == []


async def test_a_database_from_before_minting_keeps_its_rows_and_its_assets_can_be_minted(
    database_url: str, tmp_path: Path
) -> None:
    await _make_at(database_url, "0002")
    asset, document = asset_of(1), file_cid([b"metadata"])
    async with _connected(database_url) as connection:
        await connection.execute(sa.insert(AssetRecord).values(_columns(AssetRecord.of(asset))))
        publication = PublicationRecord(asset_id=asset.id, cid=asset.cid, metadata_cid=str(document), state="published")
        await connection.execute(sa.insert(PublicationRecord).values(_columns(publication)))
        await connection.commit()
    engine = await open_database(database_url)
    try:
        store = SqlAssetStore(engine, LocalBlobStore(tmp_path))
        assert await store.get(asset.id) == asset
        mint = await SqlMints(engine).request(order_of(asset))
        outbox = SqlMintOutbox(engine)
        assert await outbox.lease(SENDER, "one", timedelta(minutes=1))
        (job,) = await outbox.take(SENDER, "one", CONTRACT, 10)
        assert (job.mint_id, job.metadata_digest) == (mint.id, document.digest)
    finally:
        await engine.dispose()


async def _make_at(url: str, revision: str) -> None:
    def upgrade(connection: sa.Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)

    async with _connected(url) as connection:
        await connection.run_sync(upgrade)
        await connection.commit()


def _columns(record: AssetRecord | PublicationRecord) -> dict[str, Any]:
    """What was given; the rest has its defaults."""
    given = vars(record)
    return {column.key: given[column.key] for column in record.__table__.columns if column.key in given}


async def test_an_upgrade_that_fails_leaves_everything_as_it_was(database_url: str) -> None:
    in_the_way = (*BEFORE_MIGRATIONS, "CREATE TABLE templates (id INTEGER)")
    await _make(database_url, in_the_way, {"ast_still": SPECS["ast_still"].canonical()})
    with pytest.raises(Unavailable, match="templates"):
        await open_database(database_url)
    async with _connected(database_url) as connection:
        tables = await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
        columns = await connection.run_sync(lambda sync: sa.inspect(sync).get_columns("assets"))
        assert tables == {"assets", "templates"}
        assert len(columns) == 8
        await connection.exec_driver_sql("DROP TABLE templates")
        await connection.commit()
    engine = await open_database(database_url)
    await engine.dispose()


async def test_a_database_of_a_newer_gitex_is_not_touched(database_url: str) -> None:
    await (await open_database(database_url)).dispose()
    async with _connected(database_url) as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        await connection.commit()
    with pytest.raises(Unavailable, match="another version of Gitex"):
        await open_database(database_url)


async def test_several_openers_upgrade_an_old_database_once(database_url: str) -> None:
    await _make(database_url, BEFORE_MIGRATIONS, {"ast_still": SPECS["ast_still"].canonical()})
    engines = await asyncio.gather(*(open_database(database_url) for _ in range(4)))
    for engine in engines:
        await engine.dispose()
