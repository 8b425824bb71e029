"""`gitex publish` and `gitex pins`: what is on IPFS, and whether it is really there."""

import asyncio
import json
import time

import typer

from configs.settings import Settings
from gitex.errors import EngineFailure
from serve_app.commands.client import ServiceClient
from serve_app.commands.tables import print_table
from serve_app.http.schemas.publishing import PublicationBody
from storage.pin_audit import RootReport, audit

_POLL_SECONDS = 0.5


def publish(client: ServiceClient, asset_id: str, user: str | None, *, wait_s: float, as_json: bool) -> None:
    """Have the service publish an asset; wait up to `wait_s` seconds for it and print where it stands.

    Raises `EngineFailure` if the targets refuse it.
    """
    body = client.publish(asset_id, user)
    give_up = time.monotonic() + wait_s
    while body.state not in ("published", "failed") and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
        body = client.pins(asset_id, user)
    _print(body, as_json)
    if body.state == "failed":
        raise EngineFailure(f"{asset_id} was not published: {body.reason}")


def show_pins(client: ServiceClient, asset_id: str, user: str | None, *, as_json: bool) -> None:
    """Print what each target says of an asset."""
    _print(client.pins(asset_id, user), as_json)


def verify_pins(settings: Settings, asset_id: str, *, as_json: bool) -> bool:
    """Fetch every block back from every target that the settings name; print a row a root. Whether all came back."""
    reports = asyncio.run(_audited(settings, asset_id))
    if as_json:
        typer.echo(json.dumps([report._asdict() for report in reports], indent=2))
    else:
        rows = [(r.asset_id, r.target, r.cid, str(r.blocks), str(r.size), r.problem or "ok") for r in reports]
        styles = ["red" if report.problem else "" for report in reports]
        print_table(("asset", "target", "root", "blocks", "bytes", "verdict"), rows, styles)
    return not any(report.problem for report in reports)


async def _audited(settings: Settings, asset_id: str) -> list[RootReport]:
    from serve_app.commands.unrecorded import Unrecorded
    from storage.state import open_state

    state = await open_state(settings, Unrecorded())
    try:
        return [report async for report in audit(state.publications, state.targets, asset_id)]
    finally:
        await state.close()


def _print(body: PublicationBody, as_json: bool) -> None:
    if as_json:
        typer.echo(body.model_dump_json(indent=2, exclude_none=True))
        return
    typer.secho(f"{body.asset_id} {body.state}", bold=True)
    if body.cid:
        typer.echo(f"picture   ipfs://{body.cid}")
    if body.metadata_uri:
        typer.echo(f"metadata  {body.metadata_uri}")
    if body.reason:
        typer.echo(f"because   {body.reason}")
    if body.pins:
        rows = [(pin.target, pin.state, pin.cid, pin.reason or "") for pin in body.pins]
        print_table(("target", "state", "root", "reason"), rows)
