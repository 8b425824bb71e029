"""The command line. Each command imports what it needs when it runs, so that `gitex --help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from gitex.errors import InvalidInput
from serve_app.cli_assets import assets
from serve_app.cli_chain import chain
from serve_app.cli_minting import mint, mints, voucher
from serve_app.cli_pins import pins, publish
from serve_app.cli_templates import cache, templates
from serve_app.cli_tokens import credits_of, staking, tokens
from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group
from serve_app.commands.command_line import settings_in_force as _settings
from serve_app.commands.command_line import told as _told

app = command_group("gitex", "Pictures and copy from a Gitex service, with provenance.")
app.add_typer(assets)
app.add_typer(pins)
app.add_typer(chain)
app.command()(publish)
app.command()(mint)
app.add_typer(mints)
app.command()(voucher)
app.add_typer(tokens)
app.command()(staking)
app.command("credits")(credits_of)
app.add_typer(templates)
app.add_typer(cache)


def main() -> None:
    """The console script `gitex`."""
    app()


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"gitex {version('gitex')}")
        raise typer.Exit


@app.callback()
def gitex(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Pictures and copy from a Gitex service, with provenance."""


@app.command()
def up() -> None:
    """Run the whole service on this machine, until Ctrl-C."""
    with _told():
        from serve_app.commands.up import up as run_service

        run_service(_settings())


@app.command()
def image(
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: gitex-SHA256.png here.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="NAME or NAME@VERSION.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels, as in 128x128.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly the prompt is followed.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same picture.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Noise solver, as in ddim.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What the picture should not show.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="The same bytes whoever shares the batch.")] = False,
    adapter: Annotated[
        list[str] | None, typer.Option(help="NAME or NAME:WEIGHT of a LoRA adapter; may be repeated.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A picture to begin from.")] = None,
    mask: Annotated[
        Path | None, typer.Option(help="With --from: what may change is transparent, or white if all is opaque.")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="With --from: how far from that picture, above 0 and at most 1.")
    ] = None,
    style_image: Annotated[Path | None, typer.Option(help="With --from: a picture whose look is taken.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Make a picture and write it to a file."""
    with _told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.image import ImageOptions, PictureFiles, make_image

        if source is None and (mask, strength, style_image) != (None, None, None):
            raise InvalidInput("--mask, --strength and --style-image need --from", param="from")
        options = ImageOptions(
            prompt, model, size, steps, guidance, seed, sampler, negative_prompt, strict or None, adapter or None
        )
        files = None if source is None else PictureFiles(source, mask, style_image, strength)
        with ServiceClient.of(_settings(), url, api_key) as client:
            make_image(client, options, files, output)


@app.command()
def verify(
    asset: Annotated[str, typer.Argument(help="Its id, as in ast_0123456789abcdef01234567.")],
    *,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Make an asset's picture again and compare it with the stored one. Exit code 1 if it is another."""
    with _told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.verify import verify_asset

        with ServiceClient.of(_settings(), url, api_key) as client:
            passed = verify_asset(client, asset, as_json=json)
        if not passed:
            raise typer.Exit(1)


@app.command("copy")
def write_copy(
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    *,
    keyword: Annotated[list[str] | None, typer.Option("--keyword", "-k", help="To be used; may be repeated.")] = None,
    tone: Annotated[str | None, typer.Option(help="neutral, playful, formal, poetic or bold.")] = None,
    json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Write title, tagline, description and hashtags for a picture."""
    with _told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.copywriting import print_copy

        with ServiceClient.of(_settings(), url, api_key) as client:
            print_copy(client, prompt, tuple(keyword or ()), tone, as_json=json)


@app.command()
def gc(
    *,
    grace_minutes: Annotated[
        float, typer.Option(min=0, help="Younger bytes stay. Must be longer than any request takes.")
    ] = 60,
    json: AsJson = False,
) -> None:
    """Remove bytes that nothing names, in the database and blob store that the settings name."""
    with _told():
        from datetime import timedelta

        from serve_app.commands.gc import sweep

        sweep(_settings(), timedelta(minutes=grace_minutes), as_json=json)


@app.command()
def doctor(*, json: AsJson = False) -> None:
    """Check this machine: what is ready, what is missing, and how to mend it."""
    with _told():
        from serve_app.commands.doctor import examine

        if not examine(as_json=json):
            raise typer.Exit(1)


@app.command()
def settings(*, json: AsJson = False) -> None:
    """List every setting, its value, and where that comes from."""
    with _told():
        from serve_app.commands.settings import print_settings

        print_settings(as_json=json)


if __name__ == "__main__":
    main()
