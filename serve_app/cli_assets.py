"""`gitex assets`: the command line's part about stored pictures."""

from pathlib import Path
from typing import Annotated

import typer

from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group, settings_in_force, told

assets = command_group("assets", "Stored pictures.")
AssetId = Annotated[str, typer.Argument(help="Its id, as in ast_0123456789abcdef01234567.")]
User = Annotated[str | None, typer.Option(help="Who asks, as `user` in calls for pictures.")]


@assets.command("list")
def list_assets(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, newest first.")] = 20,
    kind: Annotated[str | None, typer.Option(help="image, edit or animation.")] = None,
    variant: Annotated[str | None, typer.Option(help="NAME@VERSION.")] = None,
    parent: Annotated[str | None, typer.Option(help="The asset that they began from.")] = None,
    text: Annotated[str | None, typer.Option(help="Stands in the prompt.")] = None,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """List stored pictures."""
    with told():
        from serve_app.commands.assets import print_assets
        from serve_app.commands.client import ServiceClient

        filters = {"kind": kind, "variant": variant, "parent": parent, "text": text, "user": user}
        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            print_assets(client, filters, limit, as_json=json)


@assets.command("show")
def show_asset(
    asset: AssetId,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write the picture to.")] = None,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show where a stored picture came from."""
    with told():
        from serve_app.commands.assets import print_asset
        from serve_app.commands.client import ServiceClient

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            print_asset(client, asset, user, output, as_json=json)


@assets.command("delete")
def delete_asset(asset: AssetId, *, user: User = None, url: Url = None, api_key: ApiKey = None) -> None:
    """Delete a stored picture of one's own."""
    with told():
        from serve_app.commands.assets import remove_asset
        from serve_app.commands.client import ServiceClient

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            remove_asset(client, asset, user)
