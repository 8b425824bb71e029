"""`gitex staking` and `gitex credits`: what a wallet has locked, and what an account has bought."""

from urllib.parse import quote

import typer

from serve_app.commands.client import ServiceClient
from serve_app.commands.tables import print_table
from serve_app.http.schemas.credits import CreditsBody
from serve_app.http.schemas.staking import StakingBody


def show_staking(client: ServiceClient, wallet: str, *, as_json: bool) -> None:
    """Print what a wallet has staked and what it is good for."""
    body = client.ask(StakingBody, "GET", f"/v1/staking/{quote(wallet, safe='')}")
    if as_json:
        typer.echo(body.model_dump_json(indent=2, exclude_none=True))
        return
    tier = f"{body.tier_name} ({body.tier} of {len(body.tiers)})" if body.tier else "none"
    typer.secho(f"{body.wallet}: tier {tier}", bold=True)
    free = "" if body.releases_at is None else f", free from {body.releases_at:%Y-%m-%d %H:%M:%S} UTC on"
    for name, value in (
        ("staked", f"{body.staked.gtx} GTX"),
        ("active", f"{body.active.gtx} GTX"),
        ("cooling", f"{body.cooling.gtx} GTX{free}"),
        ("locked", f"{body.locked.gtx} GTX"),
        ("rewards", f"{body.rewards.gtx} GTX"),
        ("discount", f"{body.discount_bps / 100:g} %"),
        ("features", ", ".join(body.features) or "none"),
        ("as of", f"block {body.block_number}, {body.at:%Y-%m-%d %H:%M:%S} UTC"),
    ):
        typer.echo(f"{name:<9} {value}")


def show_credits(client: ServiceClient, account: str, *, as_json: bool) -> None:
    """Print an account's balance and its newest entries."""
    body = client.ask(CreditsBody, "GET", f"/v1/credits/{quote(account, safe='')}")
    if as_json:
        typer.echo(body.model_dump_json(indent=2, exclude_none=True))
        return
    typer.secho(f"{body.account}: {body.balance} credits", bold=True)
    rows = [
        (f"{entry.booked_at:%Y-%m-%d %H:%M:%S}", entry.credits, entry.booking, entry.transaction_hash or "")
        for entry in body.entries
    ]
    if rows:
        print_table(("booked", "credits", "for", "transaction"), rows)
