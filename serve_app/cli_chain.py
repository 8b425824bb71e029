"""`gitex chain`: the contracts on the chain that the settings name."""

from typing import Annotated

import typer

from serve_app.commands.command_line import AsJson, command_group, settings_in_force, told

chain = command_group("chain", "The contracts: deploy, upgrade, look.")
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[
    float, typer.Option(min=0, help="Longest wait for one step of a vote, in seconds; before a longer one it ends.")
]


@chain.command("deploy")
def deploy(
    *,
    minter: Annotated[str | None, typer.Option(help="The key that may mint. Default: the settings' first.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Even if contracts are written down that are gone.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Deploy the contracts with the settings' first key; what is there already stays. Call again to go on with it."""
    with told():
        from serve_app.commands.chain import deploy as deploy_contracts

        deploy_contracts(settings_in_force(), minter, anew=anew, yes=yes, as_json=json)


@chain.command("upgrade")
def upgrade(
    contract: Annotated[str, typer.Argument(help="GTX, GitexNFT or FeeVault.")],
    *,
    call: Annotated[
        str, typer.Option(help="0x…: made to it in the same transaction, as the new version's initializer.")
    ] = "0x",
    wait: Wait = 120,
    yes: Yes = False,
) -> None:
    """Put this version's code behind a contract, by a vote: deploy, propose, vote, queue, execute.

    Each step is done once: the same command goes on from where the chain stands. Exit code 3: come back later.
    """
    with told():
        from serve_app.commands.chain import upgrade as upgrade_contract

        if not upgrade_contract(settings_in_force(), contract, call, wait_s=wait, yes=yes):
            raise typer.Exit(3)


@chain.command("minters")
def minters(*, wait: Wait = 120, yes: Yes = False) -> None:
    """Let every key of the settings mint, by a vote. Exit code 3: come back later."""
    with told():
        from serve_app.commands.chain import grant_minters

        if not grant_minters(settings_in_force(), wait_s=wait, yes=yes):
            raise typer.Exit(3)


@chain.command("status")
def status(*, json: AsJson = False) -> None:
    """Show contracts, keys and open votes. Exit code 1 if something is not as it should be."""
    with told():
        from serve_app.commands.chain import show_status

        if not show_status(settings_in_force(), as_json=json):
            raise typer.Exit(1)
