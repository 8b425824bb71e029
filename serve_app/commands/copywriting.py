"""`gitex copy`: ask for copy and print it."""

import typer

from serve_app.commands.client import ServiceClient


def print_copy(
    client: ServiceClient, prompt: str, keywords: tuple[str, ...], tone: str | None, *, as_json: bool
) -> None:
    """Print title, tagline, description and hashtags, or with `as_json` the service's whole answer."""
    body: dict[str, object] = {"prompt": prompt, "keywords": list(keywords)}
    if tone is not None:
        body["tone"] = tone
    written = client.write_copy(body)
    if as_json:
        typer.echo(written.model_dump_json(indent=2))
        return
    typer.secho(written.title, bold=True)
    typer.secho(written.tagline, italic=True)
    typer.echo(f"\n{written.description}\n")
    typer.secho(" ".join(written.hashtags), fg="cyan")
    typer.secho(f"\n{written.gitex.variant}, seed {written.gitex.seed}", dim=True)
