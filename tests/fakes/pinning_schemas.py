"""The schemas of the IPFS Pinning Service API 1.0.0, as JSON Schema: what requests and answers must look like."""

from typing import Any

from jsonschema import Draft202012Validator

_RFC3339 = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_MULTIADDRS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 20}
_TIME = {"type": "string", "pattern": _RFC3339}
_STATES = {"enum": ["queued", "pinning", "pinned", "failed"]}

PIN: dict[str, Any] = {
    "type": "object",
    "required": ["cid"],
    "properties": {
        "cid": {"type": "string"},
        "name": {"type": "string", "maxLength": 255},
        "origins": _MULTIADDRS,
        "meta": _STRINGS,
    },
}
PIN_STATUS: dict[str, Any] = {
    "type": "object",
    "required": ["requestid", "status", "created", "pin", "delegates"],
    "properties": {
        "requestid": {"type": "string"},
        "status": _STATES,
        "created": _TIME,
        "pin": PIN,
        "delegates": {**_MULTIADDRS, "minItems": 1},
        "info": _STRINGS,
    },
}
PIN_RESULTS: dict[str, Any] = {
    "type": "object",
    "required": ["count", "results"],
    "properties": {
        "count": {"type": "integer", "minimum": 0},
        "results": {"type": "array", "items": PIN_STATUS, "uniqueItems": True, "maxItems": 1000},
    },
}
FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["reason"],
            "properties": {"reason": {"type": "string"}, "details": {"type": "string"}},
        }
    },
}
QUERY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "cid": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1, "maxItems": 10},
        "name": {"type": "string", "maxLength": 255},
        "match": {"enum": ["exact", "iexact", "partial", "ipartial"]},
        "status": {"type": "array", "items": _STATES, "uniqueItems": True, "minItems": 1},
        "before": _TIME,
        "after": _TIME,
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "meta": _STRINGS,
    },
}
"""Of `GET /pins`, after the lists were split and `meta` was read as JSON."""


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with the value; empty if nothing is."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]
