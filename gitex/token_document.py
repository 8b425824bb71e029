"""Reads the document that a token points to: the other side of `gitex.metadata`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gitex.errors import InvalidInput

MAX_DOCUMENT_BYTES = 2**20
"""Ours have some kilobytes."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHA256 = "sha256:"


@dataclass(frozen=True)
class TokenDocument:
    """What a metadata document says of its asset. Digests are SHA-256, in hex."""

    image_cid: str
    sha256: str
    """Of the picture."""
    weights_digest: str
    """Without `sha256:` before it."""
    creator: str
    """The tenant who asked for the picture: a user's name, or a wallet."""
    prompt_history: tuple[str, ...]
    prompt_history_sha256: str

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raise `InvalidInput` that says what is wrong with it: anybody may have written it."""
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as problem:
            raise InvalidInput("it is not JSON") from problem
        ours = _mapping(_mapping(document, "it").get("gitex"), "its gitex block")
        image_cid = _text(ours, "cid")
        if document.get("image") != f"ipfs://{image_cid}":
            raise InvalidInput("its image is not the picture that its gitex block names")
        history = ours.get("prompt_history")
        if not isinstance(history, list) or not all(isinstance(prompt, str) for prompt in history):
            raise InvalidInput("its prompt_history is not a list of texts")
        return cls(
            image_cid=image_cid,
            sha256=_digest(_text(ours, "sha256"), "sha256"),
            weights_digest=_digest(_text(ours, "weights_digest").removeprefix(_SHA256), "weights_digest"),
            creator=_text(ours, "creator"),
            prompt_history=tuple(history),
            prompt_history_sha256=_digest(_text(ours, "prompt_history_sha256"), "prompt_history_sha256"),
        )


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not an object")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"its {name} is not a text")
    return value


def _digest(text: str, name: str) -> str:
    if _DIGEST.fullmatch(text) is None:
        raise InvalidInput(f"its {name} is not a SHA-256 in hex")
    return text
