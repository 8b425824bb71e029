"""`gitex tokens`, `gitex staking` and `gitex credits`: what the command line reads from the chain."""

from typing import Annotated

import typer

from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group, settings_in_force, told

tokens = command_group("tokens", "Tokens, read back from the chain.")


@tokens.command("show")
def show(
    token: Annotated[str, typer.Argument(help="Its id, decimal or 0x…: the picture's SHA-256.")],
    *,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show a token, and whether picture, metadata and prompt history all match. Exit code 1 if not."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.tokens import show_token

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            matches = show_token(client, token, as_json=json)
        if not matches:
            raise typer.Exit(1)


def staking(
    wallet: Annotated[str, typer.Argument(help="Its address, 0x….")],
    *,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show what a wallet has staked, its tier and what that is good for."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.staking import show_staking

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            show_staking(client, wallet, as_json=json)


def credits_of(
    account: Annotated[str, typer.Argument(help="The reference that was paid for, 0x and 64 digits.")],
    *,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show an account's generation credits."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.staking import show_credits

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            show_credits(client, account, as_json=json)
