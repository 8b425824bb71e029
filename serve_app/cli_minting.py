"""`gitex mint`, `gitex mints` and `gitex voucher`: the command line's part about tokens."""

from typing import Annotated

import typer

from serve_app.cli_assets import AssetId, User
from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group, settings_in_force, told

mints = command_group("mints", "What is minted.")
Royalty = Annotated[
    int, typer.Option(help="Of the creator, in basis points, at most 1000. Default: the collection's own.")
]


def mint(
    asset: AssetId,
    *,
    to: Annotated[str, typer.Option("--to", help="The wallet that gets the token, 0x….")],
    royalty: Royalty = 0,
    creator: Annotated[
        str | None, typer.Option(help="The wallet that gets the royalties. Default: that of --to.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for it to be final.")] = 60,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Of your choice: never orders two different mints.")
    ] = None,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Mint a stored picture. It is published first if it was not."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.minting import MintOptions
        from serve_app.commands.minting import mint as mint_asset

        options = MintOptions(asset, to, creator, royalty, idempotency_key, user)
        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            mint_asset(client, options, wait_s=wait, as_json=json)


@mints.command("show")
def show(
    mint_id: Annotated[str, typer.Argument(metavar="MINT", help="Its id, as `gitex mint` tells it.")],
    *,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Show where a mint stands."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.minting import show_mint

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            show_mint(client, mint_id, user, as_json=json)


def voucher(
    asset: AssetId,
    *,
    creator: Annotated[str, typer.Option(help="The wallet that redeems it and gets the royalties, 0x….")],
    to: Annotated[
        str | None, typer.Option("--to", help="The wallet that gets the token. Default: the creator.")
    ] = None,
    royalty: Royalty = 0,
    price: Annotated[str, typer.Option(help="What the creator must send with it, in wei.")] = "0",
    valid_for: Annotated[int, typer.Option(help="Seconds for which it is good, 60 to 2592000.")] = 24 * 3600,
    user: User = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Sign a mint that the creator's own wallet sends and pays for. The picture is published first if it was not."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.minting import VoucherOptions, issue_voucher

        options = VoucherOptions(asset, creator, to, royalty, price, valid_for, user)
        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            issue_voucher(client, options, as_json=json)
