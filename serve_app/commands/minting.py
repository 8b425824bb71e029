"""`gitex mint`, `gitex mints show` and `gitex voucher`: tokens of stored pictures."""

import time
from typing import NamedTuple

import typer

from gitex.errors import EngineFailure
from serve_app.commands.client import ServiceClient
from serve_app.http.schemas.minting import MintBody

_POLL_SECONDS = 0.5


class MintOptions(NamedTuple):
    """What is to be minted, for whom."""

    asset_id: str
    recipient: str
    creator: str | None
    royalty_bps: int
    idempotency_key: str | None
    user: str | None


class VoucherOptions(NamedTuple):
    """What a wallet is to mint by itself, and on which terms."""

    asset_id: str
    creator: str
    recipient: str | None
    royalty_bps: int
    price_wei: str
    valid_for_s: int
    user: str | None


def mint(client: ServiceClient, options: MintOptions, *, wait_s: float, as_json: bool) -> None:
    """Have the service mint an asset; wait up to `wait_s` seconds until it is final and print where it stands.

    Raises `EngineFailure` if it failed.
    """
    body = {"recipient": options.recipient, "creator": options.creator, "royalty_bps": options.royalty_bps}
    minted = client.mint(options.asset_id, body, options.idempotency_key, options.user)
    give_up = time.monotonic() + wait_s
    while minted.state not in ("final", "failed") and time.monotonic() < give_up:
        time.sleep(_POLL_SECONDS)
        minted = client.mint_state(minted.id, options.user)
    _print(minted, as_json)
    if minted.state == "failed":
        raise EngineFailure(f"{options.asset_id} was not minted: {minted.reason}")


def show_mint(client: ServiceClient, mint_id: str, user: str | None, *, as_json: bool) -> None:
    """Print where a mint stands."""
    _print(client.mint_state(mint_id, user), as_json)


def _print(body: MintBody, as_json: bool) -> None:
    if as_json:
        typer.echo(body.model_dump_json(indent=2, exclude_none=True))
        return
    typer.secho(f"{body.id} {body.state}", bold=True)
    _print_lines(
        ("asset", body.asset_id),
        ("token", body.token_id),
        ("recipient", body.recipient),
        ("contract", f"{body.contract} on chain {body.chain_id}"),
        ("transaction", body.transaction_hash),
        ("block", _block(body)),
        ("page", body.token_url or body.transaction_url),
        ("because", body.reason),
    )


def issue_voucher(client: ServiceClient, options: VoucherOptions, *, as_json: bool) -> None:
    """Have the service sign a mint that the creator sends, and print the transaction to send."""
    body = {
        "creator": options.creator,
        "recipient": options.recipient,
        "royalty_bps": options.royalty_bps,
        "price_wei": options.price_wei,
        "valid_for_s": options.valid_for_s,
    }
    voucher = client.voucher(options.asset_id, body, options.user)
    if as_json:
        typer.echo(voucher.model_dump_json(indent=2))
        return
    typer.secho(f"{options.asset_id}: to be sent by {voucher.creator}", bold=True)
    _print_lines(
        ("token", voucher.token_id),
        ("until", voucher.deadline.isoformat()),
        ("chain", str(voucher.chain_id)),
        ("to", voucher.contract),
        ("value", f"{voucher.price_wei} wei"),
        ("data", voucher.calldata),
    )


def _print_lines(*lines: tuple[str, str | None]) -> None:
    for name, value in lines:
        if value:
            typer.echo(f"{name:<12} {value}")


def _block(body: MintBody) -> str | None:
    if body.block_number is None:
        return None
    if body.confirmations is None:
        return str(body.block_number)
    return f"{body.block_number}, {body.confirmations} deep"
