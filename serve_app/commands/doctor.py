"""`gitex doctor`: is this machine ready, and if not, what mends it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from configs.catalog import load_catalog
from configs.settings import Settings, load_settings
from gitex.errors import SettingsError
from serve_app.commands.checks import (
    Check,
    check_chain,
    check_chain_port,
    check_data_dir,
    check_database,
    check_exposure,
    check_models,
    check_ports,
    check_python,
    check_torch,
)
from serve_app.commands.tables import print_table

_STYLES = {"ok": "", "warn": "yellow", "fail": "bold red"}


def examine(*, as_json: bool) -> bool:
    """Run every check and print the findings. True if nothing failed."""
    checks = list(_checks())
    well = all(check.status != "fail" for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": well, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        rows = [(check.status, check.name, check.detail, check.mend) for check in checks]
        print_table(("", "part", "found", "to mend it"), rows, [_STYLES[check.status] for check in checks])
    return well


def _checks() -> Iterator[Check]:
    yield check_python()
    try:
        settings = load_settings()
    except SettingsError as problem:
        # The other checks depend on the settings.
        yield Check("settings", "fail", problem.message, "correct the variable, or remove it")
        return
    yield Check("settings", "ok", "all are usable")
    yield from check_exposure(settings)
    yield check_torch()
    yield check_data_dir(settings.data_dir)
    yield check_database(settings)
    yield from check_ports(settings)
    yield check_chain(settings)
    yield from check_chain_port(settings)
    yield from _model_checks(settings)


def _model_checks(settings: Settings) -> Iterator[Check]:
    try:
        catalog = load_catalog(settings.catalog)
    except SettingsError as problem:
        yield Check("catalog", "fail", problem.message, "correct the file, or unset GITEX_CATALOG")
        return
    yield from check_models(catalog, _weights_digest)


def _weights_digest(folder: Path) -> str:
    from models.registry.digest import weights_digest

    return weights_digest(folder)
