"""`gitex settings`: every setting, its value, where that comes from."""

import json

import typer

from configs.settings import describe_settings
from serve_app.commands.tables import print_table


def print_settings(*, as_json: bool) -> None:
    """Print the settings in force, secrets masked. Raises `SettingsError`."""
    lines = describe_settings()
    if as_json:
        typer.echo(json.dumps([line._asdict() for line in lines], indent=2))
        return
    styles = ["dim" if line.source == "default" else "" for line in lines]
    print_table(("setting", "value", "from", "what it is"), lines, styles)
