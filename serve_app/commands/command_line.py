"""What every command shares: options, settings, and how errors are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gitex.errors import GitexError, InvalidInput, NotFound, SettingsError, TooLarge, Unauthorized

if TYPE_CHECKING:
    from configs.settings import Settings

_CALLERS_FAULT = (InvalidInput, NotFound, SettingsError, TooLarge, Unauthorized)

Url = Annotated[str | None, typer.Option("--url", help="The service. Default: the one that the settings describe.")]
ApiKey = Annotated[str | None, typer.Option("--api-key", help="Its key. Default: GITEX_API_KEY.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def told() -> Iterator[None]:
    """Say errors in one line. Exit code 2 for what the caller can mend, 1 for the rest, 130 after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("cancelled", err=True)
        raise typer.Exit(130) from None
    except GitexError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(2 if isinstance(error, _CALLERS_FAULT) else 1) from None


def settings_in_force() -> "Settings":
    """From the environment and `.env`. Raises `SettingsError`."""
    from configs.settings import load_settings

    return load_settings()


def command_group(name: str, help_text: str) -> typer.Typer:
    """A group of commands that looks like the others."""
    return typer.Typer(
        name=name,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
