"""`gitex gc`: remove bytes that nothing names, in the database and the blob store that the settings name."""

import asyncio
import json
from datetime import timedelta

import typer

from configs.settings import Settings
from storage.blob_stores import open_blobs
from storage.database import open_database
from storage.gc import Swept, collect_garbage


def sweep(settings: Settings, grace: timedelta, *, as_json: bool) -> None:
    """Sweep and print what was done. Raises `Unavailable`, `SettingsError`."""
    swept = asyncio.run(_sweep(settings, grace))
    if as_json:
        typer.echo(json.dumps(swept._asdict()))
    else:
        typer.echo(f"removed {swept.removed} blobs, freed {swept.freed:,} bytes, kept {swept.kept} blobs")


async def _sweep(settings: Settings, grace: timedelta) -> Swept:
    engine = await open_database(settings.database_url)
    try:
        return await collect_garbage(engine, open_blobs(settings.blob_url, settings.data_dir / "blobs"), grace)
    finally:
        await engine.dispose()
