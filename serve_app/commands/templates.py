"""`gitex templates`: list, show, add and delete prompt templates of a service."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import typer

from gitex.errors import InvalidInput
from serve_app.commands.client import ServiceClient
from serve_app.commands.tables import print_table
from serve_app.http.schemas.templates import (
    ChoiceSlotBody,
    IntegerSlotBody,
    RenderingList,
    SlotBody,
    TemplateBody,
    TemplateList,
)

_PATH = "/v1/templates"
_POPULAR = 10


def all_templates(client: ServiceClient) -> Iterator[TemplateBody]:
    """Every template of the service, newest first."""
    after: str | None = ""
    while after is not None:
        page = client.ask(TemplateList, "GET", _PATH, params={"limit": 100, "after": after})
        yield from page.data
        after = page.next


def template_path(name: str, *more: str) -> str:
    """The path of a template, or of something below it."""
    return "/".join((_PATH, quote(name, safe=""), *more))


def print_templates(client: ServiceClient, *, as_json: bool) -> None:
    """Print all templates."""
    found = list(all_templates(client))
    if as_json:
        typer.echo(TemplateList(data=found).model_dump_json(indent=2))
        return
    rows = [(each.name, each.text, _combinations(each), str(each.seed)) for each in found]
    print_table(("name", "text", "combinations", "seed"), rows)


def print_template(client: ServiceClient, name: str, *, as_json: bool) -> None:
    """Print a template and its most used renderings, or with `as_json` the service's answer."""
    template = client.ask(TemplateBody, "GET", template_path(name))
    if as_json:
        typer.echo(template.model_dump_json(indent=2))
        return
    query = {"top": _POPULAR, "limit": _POPULAR}
    popular = client.ask(RenderingList, "GET", template_path(name, "renderings"), params=query)
    typer.secho(template.text, bold=True)
    lines = [("name", template.name), ("id", template.id), ("seed", template.seed)]
    lines += [("slot", f"{slot.name}: {_described(slot)}") for slot in template.slots]
    lines += [("renders", _combinations(template))]
    for label, value in lines:
        typer.echo(f"{label:<8} {value}")
    for rendering in popular.data:
        if rendering.uses:
            given = {**rendering.values, **rendering.settings}
            typer.echo(f"used     {rendering.uses} times: {', '.join(f'{key}={given[key]}' for key in given)}")


def add_template(client: ServiceClient, name: str, text: str, slots: list[str], seed: int | None) -> None:
    """Keep a new template; see `slot_of` for `slots`."""
    body: dict[str, Any] = {"name": name, "text": text, "slots": [slot_of(slot) for slot in slots]}
    if seed is not None:
        body["seed"] = seed
    made = client.ask(TemplateBody, "POST", _PATH, json=body)
    typer.echo(f"{made.name} has the seed {made.seed} and {_combinations(made)} renderings")


def delete_template(client: ServiceClient, name: str) -> None:
    """Forget a template."""
    client.tell("DELETE", template_path(name))


def slot_of(text: str) -> dict[str, Any]:
    """`NAME=LOW..HIGH` an integer, `NAME=text:LENGTH` free words, `NAME=ONE,OTHER` a choice. Raises `InvalidInput`."""
    name, equals, kind = text.partition("=")
    if not equals or not kind:
        raise InvalidInput(f"--slot {text!r}: write NAME=ONE,OTHER or NAME=LOW..HIGH or NAME=text:LENGTH", param="slot")
    if found := re.fullmatch(r"(-?[0-9]{1,10})\.\.(-?[0-9]{1,10})", kind):
        return {"name": name, "type": "integer", "minimum": int(found[1]), "maximum": int(found[2])}
    if found := re.fullmatch(r"text:([0-9]{1,10})", kind):
        return {"name": name, "type": "text", "max_length": int(found[1])}
    return {"name": name, "type": "choice", "options": [option.strip() for option in kind.split(",")]}


def _combinations(template: TemplateBody) -> str:
    return "countless" if template.combinations is None else str(template.combinations)


def _described(slot: SlotBody) -> str:
    match slot:
        case ChoiceSlotBody():
            return ", ".join(slot.options)
        case IntegerSlotBody():
            return f"{slot.minimum} to {slot.maximum}"
        case _:
            return f"up to {slot.max_length} characters"
