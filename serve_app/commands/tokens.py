"""`gitex tokens show`: a token as chain and IPFS have it, and whether they tell the same."""

from urllib.parse import quote

import typer

from serve_app.commands.client import ServiceClient
from serve_app.commands.tables import print_table
from serve_app.http.schemas.tokens import TokenBody

_STYLES = {"ok": "", "mismatch": "red", "unreadable": "yellow"}


def show_token(client: ServiceClient, token_id: str, *, as_json: bool) -> bool:
    """Have the service read a token back, and print what it found; whether all matches."""
    body = client.ask(TokenBody, "GET", f"/v1/tokens/{quote(token_id, safe='')}")
    if as_json:
        typer.echo(body.model_dump_json(indent=2, exclude_none=True))
    else:
        _print(body)
    return body.matches


def _print(body: TokenBody) -> None:
    typer.secho(f"{body.token_id_hex} {'matches' if body.matches else 'does not match'}", bold=True)
    lines = [
        ("contract", f"{body.contract} on chain {body.chain_id}"),
        ("owner", body.owner),
        ("creator", body.provenance.creator),
        ("minted", f"{body.provenance.minted_at:%Y-%m-%d %H:%M:%S} UTC, {'final' if body.final else 'not final yet'}"),
        ("metadata", body.token_uri),
        ("royalty", f"{body.royalty.bps / 100:g} % to {body.royalty.receiver}"),
    ]
    if body.mint is not None:
        lines.append(("mint", f"{body.mint.transaction_hash} in block {body.mint.block_number}"))
        lines += [("prompt", text) for text in body.mint.prompt_history or ()]
    if body.token_url is not None:
        lines.append(("page", body.token_url))
    for name, value in lines:
        typer.echo(f"{name:<9} {value}")
    rows = [(check.name, check.verdict, check.reason or "") for check in body.checks]
    print_table(("check", "verdict", "reason"), rows, [_STYLES[check.verdict] for check in body.checks])
