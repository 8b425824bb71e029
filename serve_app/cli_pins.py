"""`gitex publish` and `gitex pins`: the command line's part about IPFS."""

from typing import Annotated

import typer

from serve_app.cli_assets import AssetId, User
from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group, settings_in_force, told

pins = command_group("pins", "What is kept on IPFS.")


def publish(
    asset: AssetId,
    *,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for it.")] = 30,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Pin a stored picture and its metadata document at every target."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.pins import publish as publish_asset

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            publish_asset(client, asset, user, wait_s=wait, as_json=json)


@pins.command("show")
def show(asset: AssetId, *, user: User = None, json: AsJson = False, url: Url = None, api_key: ApiKey = None) -> None:
    """Show what each pin target says of a stored picture."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.pins import show_pins

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            show_pins(client, asset, user, as_json=json)


@pins.command("verify")
def verify(
    asset: Annotated[str, typer.Argument(help="Its id. Default: everything that is published.")] = "",
    *,
    json: AsJson = False,
) -> None:
    """Fetch every block back from every target that the settings name, and check it. Exit code 1 if one is missing."""
    with told():
        from serve_app.commands.pins import verify_pins

        if not verify_pins(settings_in_force(), asset, as_json=json):
            raise typer.Exit(1)
