"""In which form a caller of the gateway wants content: the `format` parameter, else the `Accept` header.

After the path and trustless gateway specifications (specs.ipfs.tech/http-gateways), and RFC 9110, section 12.5.1.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, cast, get_args

from starlette.exceptions import HTTPException

from gitex.errors import InvalidInput
from serve_app.services.gateway import CarScope, DagScope

Format = Literal["file", "raw", "car"]

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car"
CAR_ANSWER = f"{CAR}; version=1; order=dfs; dups=n"
_OFFERED: dict[str, Format] = {RAW: "raw", CAR: "car"}
_NOT_OFFERED = {
    "tar": "application/x-tar",
    "dag-json": "application/vnd.ipld.dag-json",
    "dag-cbor": "application/vnd.ipld.dag-cbor",
    "json": "",
    "cbor": "",
    "ipns-record": "application/vnd.ipfs.ipns-record",
}
"""Formats of the specification that are only given to who asks for them by name, and not given here.

`application/json` and `application/cbor` ask for nothing by name: a file may be of that type.
"""
_CAR_VARIANT = {"version": ("1",), "order": ("dfs", "unk"), "dups": ("n",)}
_BYTES = re.compile(r"(-?[0-9]{1,18}):(\*|-?[0-9]{1,18})")


class Wish(NamedTuple):
    """The form that is answered in."""

    format: Format
    location: bool
    """Whether the answer should name the address that always gives this form."""


class _Accepted(NamedTuple):
    media_type: str
    parameters: dict[str, str]
    weight: float


def wished(query: Mapping[str, str], accept: str) -> Wish:
    """What to answer. Raise `InvalidInput` for an unknown format, 406 for one that is known and not offered."""
    negotiated, refused = _negotiated(accept)
    named = query.get("format")
    if named is None:
        if negotiated is None and refused:
            raise HTTPException(406, f"{refused} is not offered here; there are {RAW}, {CAR_ANSWER} and plain files")
        _check_car_variant(query if negotiated == "car" else {})
        return Wish(negotiated or "file", location=negotiated is not None and negotiated != "file")
    if named in _NOT_OFFERED:
        raise HTTPException(406, f"format={named} is not offered here; there are raw and car")
    if named not in _OFFERED.values():
        raise InvalidInput("format must be raw or car", param="format")
    _check_car_variant(query if named == "car" else {})
    return Wish(cast(Format, named), location=negotiated in _OFFERED.values() and negotiated != named)


def car_scope(query: Mapping[str, str]) -> CarScope:
    """Which blocks an archive shall have. Raise `InvalidInput`."""
    scope = query.get("dag-scope", "all")
    if scope not in get_args(DagScope):
        raise InvalidInput("dag-scope must be all, entity or block", param="dag-scope")
    if "entity-bytes" not in query:
        return CarScope(cast(DagScope, scope))
    wanted = _BYTES.fullmatch(query["entity-bytes"])
    if wanted is None:
        raise InvalidInput("entity-bytes must be FROM:TO, whole numbers, TO may be *", param="entity-bytes")
    first, last = wanted.groups()
    return CarScope("entity", int(first), None if last == "*" else int(last))


def _negotiated(accept: str) -> tuple[Format | None, str]:
    """The form that `Accept` likes best, None if it names none; and one that it names and that is not offered.

    At equal weight, a form that is named goes before a file, which any other type or `*/*` stands for.
    """
    best: tuple[float, bool, Format] | None = None
    refused = ""
    for entry in _entries(accept):
        form = _OFFERED.get(entry.media_type, "file")
        if entry.media_type in _NOT_OFFERED.values() or (form == "car" and not _is_our_car(entry.parameters)):
            refused = entry.media_type
        elif entry.weight > 0 and (best is None or (entry.weight, form != "file") > best[:2]):
            best = entry.weight, form != "file", form
    return (None if best is None else best[2]), refused


def _entries(accept: str) -> Iterator[_Accepted]:
    for entry in accept.split(","):
        media_type, *parts = (part.strip() for part in entry.split(";"))
        pairs = (part.partition("=") for part in parts)
        parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        if media_type:
            yield _Accepted(media_type.lower(), parameters, _weight(parameters.pop("q", "1")))


def _weight(text: str) -> float:
    """From 0 to 1; one that cannot be read is 0: nothing is given for it."""
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


def _is_our_car(parameters: Mapping[str, str]) -> bool:
    return all(not parameters.get(name) or parameters[name] in ours for name, ours in _CAR_VARIANT.items())


def _check_car_variant(query: Mapping[str, str]) -> None:
    asked = {name: query[f"car-{name}"] for name in _CAR_VARIANT if f"car-{name}" in query}
    if not _is_our_car(asked):
        raise HTTPException(406, f"only {CAR_ANSWER} is offered here")
