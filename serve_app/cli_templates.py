"""`gitex templates` and `gitex cache`."""

from typing import Annotated

import typer

from serve_app.commands.command_line import ApiKey, AsJson, Url, command_group, settings_in_force, told

templates = command_group("templates", "Prompts with typed slots, kept by the service.")
cache = command_group("cache", "The prompt cache.")

Name = Annotated[str, typer.Argument(help="Its name, as in emblem.")]


@templates.command("list")
def list_templates(*, json: AsJson = False, url: Url = None, api_key: ApiKey = None) -> None:
    """List all templates, newest first."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.templates import print_templates

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            print_templates(client, as_json=json)


@templates.command("show")
def show_template(name: Name, *, json: AsJson = False, url: Url = None, api_key: ApiKey = None) -> None:
    """Show a template and what it is asked for most."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.templates import print_template

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            print_template(client, name, as_json=json)


@templates.command("add")
def add_template(
    name: Name,
    text: Annotated[str, typer.Argument(help="The prompt, slots in braces, as in 'a {colour} star'.")],
    *,
    slot: Annotated[
        list[str] | None,
        typer.Option("--slot", "-s", help="colour=red,teal or count=1..9 or words=text:40; one for each slot."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of every request that gives none. Default: drawn once.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Keep a new template."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.templates import add_template as add

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            add(client, name, text, slot or [], seed)


@templates.command("delete")
def delete_template(name: Name, *, url: Url = None, api_key: ApiKey = None) -> None:
    """Forget a template. Pictures that it made stay."""
    with told():
        from serve_app.commands.client import ServiceClient
        from serve_app.commands.templates import delete_template as delete

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            delete(client, name)


@cache.command("warm")
def warm(
    *,
    template: Annotated[str | None, typer.Option("--template", "-t", help="Only this one. Default: all.")] = None,
    top: Annotated[int, typer.Option(min=0, max=1000, help="So many of each template's most used requests.")] = 20,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many in all.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="So many at once.")] = 2,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Make beforehand what templates are asked for: the most used first, then combinations that nobody used yet."""
    with told():
        from serve_app.commands.cache import warm_cache
        from serve_app.commands.client import ServiceClient

        with ServiceClient.of(settings_in_force(), url, api_key) as client:
            warmed = warm_cache(client, template, top=top, limit=limit, concurrency=concurrency)
        if warmed.failed:
            raise typer.Exit(1)
