"""`gitex assets`: list, show and delete stored pictures."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import typer

from gitex.errors import InvalidInput
from serve_app.commands.client import ServiceClient
from serve_app.commands.tables import print_table
from serve_app.http.schemas.assets import AssetBody, AssetListBody

_PAGE = 100


def print_assets(client: ServiceClient, filters: Mapping[str, str | None], limit: int, *, as_json: bool) -> None:
    """Print up to `limit` assets, newest first; with `as_json`, one JSON object a line."""
    if limit < 1:
        raise InvalidInput("--limit must be at least 1", param="limit")
    found = _fetch(client, {name: value for name, value in filters.items() if value is not None}, limit)
    if as_json:
        for asset in found:
            typer.echo(asset.model_dump_json(exclude_none=True))
        return
    rows = [(asset.id, asset.kind, asset.gitex.variant, asset.parent or "", asset.gitex.prompt) for asset in found]
    print_table(("asset", "kind", "variant", "parent", "prompt"), rows)


def print_asset(client: ServiceClient, asset_id: str, user: str | None, output: Path | None, *, as_json: bool) -> None:
    """Print one asset, and write its bytes to `output`. Raises `InvalidInput` if that cannot be written."""
    asset = client.ask(AssetBody, "GET", _path(asset_id), params=_as(user))
    if output is not None:
        content = client.fetch(f"{_path(asset_id)}/content", params=_as(user))
        try:
            output.write_bytes(content)
        except OSError as problem:
            raise InvalidInput(f"{output} cannot be written: {problem}", param="output") from problem
    if as_json:
        typer.echo(asset.model_dump_json(indent=2, exclude_none=True))
        return
    for name, value in (
        ("asset", asset.id),
        ("kind", f"{asset.kind}, {asset.media_type}, {asset.bytes:,} bytes"),
        ("variant", asset.gitex.variant),
        ("creator", asset.creator),
        ("parent", asset.parent or "none"),
        ("CID", asset.cid or "not known yet"),
        ("SHA-256", asset.gitex.sha256),
        ("seed", str(asset.gitex.seed)),
    ):
        typer.echo(f"{name:<8} {value}")
    for prompt in asset.prompt_history:
        typer.echo(f"{'prompt':<8} {prompt}")


def remove_asset(client: ServiceClient, asset_id: str, user: str | None) -> None:
    """Delete one asset of `user`'s and say so."""
    client.tell("DELETE", _path(asset_id), params=_as(user))
    typer.echo(f"{asset_id} is deleted")


def _fetch(client: ServiceClient, filters: Mapping[str, str], limit: int) -> list[AssetBody]:
    found: list[AssetBody] = []
    after: str | None = ""
    while after is not None and len(found) < limit:
        query = {**filters, "after": after, "limit": str(min(_PAGE, limit - len(found)))}
        page = client.ask(AssetListBody, "GET", "/v1/assets", params=query)
        found += page.data
        after = page.next
    return found


def _path(asset_id: str) -> str:
    return f"/v1/assets/{quote(asset_id, safe='')}"


def _as(user: str | None) -> dict[str, str]:
    return {} if user is None else {"user": user}
