"""`gitex verify`: have an asset's picture made again, and say how near it comes to the stored one."""

import typer

from serve_app.commands.client import ServiceClient
from serve_app.http.schemas.verification import VerificationBody


def verify_asset(client: ServiceClient, asset_id: str, *, as_json: bool) -> bool:
    """Print the verdict, or with `as_json` the service's whole answer; returns whether it passed."""
    verdict = client.verify(asset_id)
    if as_json:
        typer.echo(verdict.model_dump_json(indent=2))
    else:
        _report(verdict)
    return verdict.passed


def _report(verdict: VerificationBody) -> None:
    typer.secho(f"{verdict.asset_id} {'passed' if verdict.passed else 'failed'}", bold=True)
    pixels = "identical" if verdict.psnr_db is None else f"{verdict.psnr_db:.1f} dB from the stored ones"
    for name, value in (
        ("method", verdict.method),
        ("pixels", pixels),
        ("stored", verdict.sha256_expected),
        ("made now", verdict.sha256_actual),
    ):
        typer.echo(f"{name:<8} {value}")
    for difference in verdict.differences:
        typer.echo(f"{difference.field:<8} was {difference.then or 'without'}, is {difference.now or 'without'}")
