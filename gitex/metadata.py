"""The document that a token points to: what marketplaces read, and where the picture came from."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gitex.assets import Asset
from gitex.errors import InvalidInput
from gitex.specs import DiffusionSettings, GanSettings, ImageSpec

FORMAT = 1
"""Of the `gitex` block; a reader that meets a higher number does not know all of it."""
_MAX_NAME = 80
_CID = re.compile(r"b[a-z2-7]{20,}")


def metadata_document(
    asset: Asset, image_cid: str, *, name: str = "", description: str = "", external_url: str = ""
) -> bytes:
    """The ERC-721 metadata of an asset (eips.ethereum.org/EIPS/eip-721) with OpenSea's attributes and our own block.

    `image_cid` is the CIDv1, in base32, of the asset's bytes. Without a name it is called by its prompt, or by its id
    if that is empty; without a description the prompt describes it. The same arguments give the same bytes on every
    machine, so that the document has one CID. Raise `InvalidInput` that names the argument.
    """
    if _CID.fullmatch(image_cid) is None or asset.cid not in ("", image_cid):
        raise InvalidInput(f"{image_cid[:100]!r} is not the CID of asset {asset.id}", param="image_cid")
    if external_url and not external_url.startswith(("https://", "http://")):
        raise InvalidInput("external_url is not an http:// or https:// address", param="external_url")
    document = {
        "name": name or _name(asset),
        "description": description or asset.spec.prompt,
        "image": f"ipfs://{image_cid}",
        "attributes": _attributes(asset),
        "gitex": _provenance(asset, image_cid),
    }
    return canonical_json(document | ({"external_url": external_url} if external_url else {}))


def prompt_history_sha256(history: Sequence[str]) -> str:
    """In hex, of the history as a canonical JSON array of strings."""
    return hashlib.sha256(canonical_json(list(history))).hexdigest()


def canonical_json(value: object) -> bytes:
    """The form that specs have too: sorted keys, no spaces, exact floats, and only ASCII, which is UTF-8 as well."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _name(asset: Asset) -> str:
    words = " ".join(asset.spec.prompt.split())
    if len(words) > _MAX_NAME:
        words = words[: _MAX_NAME - 1].rstrip() + "…"
    return words or f"Gitex {asset.id}"


def _attributes(asset: Asset) -> list[dict[str, Any]]:
    spec = asset.spec
    return [
        _text("Model", spec.variant.id),
        _text("Kind", asset.kind),
        # As text: it has up to 64 bits, and readers in JavaScript know 53.
        _text("Seed", str(spec.seed)),
        _number("Width", spec.width),
        _number("Height", spec.height),
        *_of_settings(spec),
        {"trait_type": "Created", "value": int(asset.created_at.timestamp()), "display_type": "date"},
    ]


def _of_settings(spec: ImageSpec) -> list[dict[str, Any]]:
    settings = spec.settings
    if isinstance(settings, DiffusionSettings):
        return [
            _text("Sampler", settings.sampler),
            _number("Steps", settings.steps),
            _number("Guidance", settings.guidance_scale),
            *(_text("Adapter", adapter.name) for adapter in settings.adapters),
        ]
    if isinstance(settings, GanSettings):
        return [_number("Truncation", settings.truncation), _number("Frames", settings.frames)]
    raise TypeError(f"unknown settings {type(settings).__name__}")


def _text(trait: str, value: str) -> dict[str, Any]:
    # Text has no display_type: leaving it out is how the convention says so.
    return {"trait_type": trait, "value": value}


def _number(trait: str, value: float) -> dict[str, Any]:
    return {"trait_type": trait, "value": value, "display_type": "number"}


def _provenance(asset: Asset, image_cid: str) -> dict[str, Any]:
    """Enough to run it again and compare: `spec` is the very text whose SHA-256 is `spec_sha256`, as JSON."""
    return {
        "format": FORMAT,
        "asset_id": asset.id,
        "cid": image_cid,
        "sha256": asset.sha256,
        "size": asset.size,
        "media_type": asset.media_type,
        "spec": json.loads(asset.spec.canonical()),
        "spec_sha256": asset.spec.digest(),
        "variant": asset.spec.variant.id,
        "weights_digest": asset.spec.variant.weights_digest,
        "creator": asset.creator,
        "parent": asset.parent_id or None,
        "prompt_history": list(asset.prompt_history),
        "prompt_history_sha256": prompt_history_sha256(asset.prompt_history),
        "execution": None if asset.execution is None else asdict(asset.execution),
        "created_at": _utc(asset.created_at),
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
