"""Reading metadata documents back, ours and anybody's."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.errors import InvalidInput
from gitex.metadata import metadata_document, prompt_history_sha256
from gitex.token_document import TokenDocument
from tests.fakes.tokens import asset

CID = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
OURS = metadata_document(asset(), CID)


def test_what_was_written_is_read_back() -> None:
    made = asset()
    assert TokenDocument.parse(OURS) == TokenDocument(
        image_cid=CID,
        sha256=made.sha256,
        weights_digest="a" * 64,
        creator="ada",
        prompt_history=made.prompt_history,
        prompt_history_sha256=prompt_history_sha256(made.prompt_history),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "ipfs://bafkother"}, "image is not"),
        ({"gitex": None}, "gitex block is not an object"),
        ({"gitex.cid": 7}, "cid is not a text"),
        ({"gitex.sha256": "AB" * 32}, "sha256 is not a SHA-256"),
        ({"gitex.sha256": "ab"}, "sha256 is not a SHA-256"),
        ({"gitex.weights_digest": "md5:" + "a" * 64}, "weights_digest is not"),
        ({"gitex.creator": ["ada"]}, "creator is not a text"),
        ({"gitex.prompt_history": "a star"}, "prompt_history is not a list"),
        ({"gitex.prompt_history": ["a star", 1]}, "prompt_history is not a list"),
        ({"gitex.prompt_history_sha256": None}, "prompt_history_sha256 is not a text"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: str) -> None:
    document = json.loads(OURS)
    for path, value in change.items():
        where = document["gitex"] if path.startswith("gitex.") else document
        where[path.removeprefix("gitex.")] = value
    with pytest.raises(InvalidInput, match=words):
        TokenDocument.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"null", b"[]", b"{}", b'"ipfs"', b"[" * 200_000, b"{" + b'"a":{' * 100_000]
)
def test_anything_else_is_refused_and_never_breaks(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        TokenDocument.parse(content)


_NAMES = st.sampled_from(["gitex", "image", "cid", "sha256", "creator", "prompt_history"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_NAMES, inner),
)


@given(_JSON)
def test_no_json_breaks_it(value: Any) -> None:
    with pytest.raises(InvalidInput):
        TokenDocument.parse(json.dumps(value).encode())
