"""What is compared about a token: the chain, its metadata document, and the picture, against each other."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from gitex.errors import InvalidInput
from gitex.metadata import canonical_json
from gitex.token_document import TokenDocument
from gitex.tokens import Token
from storage.ipfs.cid import Cid

CheckName = Literal["metadata", "asset", "prompt_history", "model", "creator"]
CheckVerdict = Literal["ok", "mismatch", "unreadable"]

_CODECS = {"raw": 0x55, "dag-pb": 0x70}
_WALLET = re.compile(r"0x[0-9a-fA-F]{40}")
_SCHEME = "ipfs://"


@dataclass(frozen=True)
class Check:
    """One comparison."""

    name: CheckName
    verdict: CheckVerdict
    """`unreadable`: something that it needs could not be had, so it is not known."""
    reason: str = ""
    """Why it is not `ok`; of an `ok` one, what one may want to know."""


@dataclass(frozen=True)
class Unread:
    """Something that could not be had, and why."""

    reason: str


def metadata_cid(token: Token) -> Cid:
    """Of the document that the token points to. Raises `InvalidInput` if its URI is not of IPFS."""
    if not token.uri.startswith(_SCHEME):
        raise InvalidInput(f"the token's URI is not of IPFS: {token.uri[:100]!r}")
    return Cid.parse(token.uri.removeprefix(_SCHEME))


def check_metadata(token: Token, document: TokenDocument | Unread | InvalidInput) -> Check:
    """The URI names the digest on chain, and a document of ours is there. `InvalidInput`: it is there, and not ours."""
    try:
        cid = metadata_cid(token)
    except InvalidInput as problem:
        return Check("metadata", "mismatch", problem.message)
    provenance = token.provenance
    if (_CODECS[cid.codec], cid.digest) != (provenance.metadata_codec, provenance.metadata_digest):
        return Check("metadata", "mismatch", "the token's URI names another document than its provenance")
    if isinstance(document, Unread):
        return Check("metadata", "unreadable", document.reason)
    if isinstance(document, InvalidInput):
        return Check("metadata", "mismatch", f"the metadata document is not one of Gitex's: {document.message}")
    if token.mint is not None and token.mint.metadata_digest != provenance.metadata_digest:
        return Check("metadata", "ok", "governance has pointed the token to another document since its mint")
    return Check("metadata", "ok")


def check_asset(token: Token, document: TokenDocument | None, picture: str | Unread) -> Check:
    """The picture's SHA-256 is the token's id, and what provenance and document say. `picture`: it, in hex."""
    wanted = f"{token.id:064x}"
    if token.provenance.asset_digest.hex() != wanted:
        return Check("asset", "mismatch", "the provenance names another picture than the token's id")
    if document is None:
        return _unknown("asset")
    if document.sha256 != wanted:
        return Check("asset", "mismatch", f"the metadata document is of a picture with SHA-256 {document.sha256}")
    if isinstance(picture, Unread):
        return Check("asset", "unreadable", picture.reason)
    if picture != wanted:
        return Check("asset", "mismatch", f"the picture at {document.image_cid} has SHA-256 {picture}")
    return Check("asset", "ok")


def check_prompt_history(token: Token, document: TokenDocument | None) -> Check:
    """The bytes of the mint's event have the digest on chain, and are the document's history, to the byte."""
    if token.mint is None:
        return Check("prompt_history", "unreadable", token.mint_problem)
    found = hashlib.sha256(token.mint.prompt).digest()
    if found != token.provenance.prompt_digest:
        return Check("prompt_history", "mismatch", "the prompt history in the events has another digest than on chain")
    if document is None:
        return _unknown("prompt_history")
    if document.prompt_history_sha256 != found.hex():
        return Check("prompt_history", "mismatch", "the metadata document names another digest of the prompt history")
    if canonical_json(list(document.prompt_history)) != token.mint.prompt:
        return Check("prompt_history", "mismatch", "the metadata document has another prompt history than the chain")
    return Check("prompt_history", "ok")


def check_model(token: Token, document: TokenDocument | None) -> Check:
    """The weights that made the picture."""
    on_chain = token.provenance.model_digest
    if token.mint is not None and token.mint.model_digest != on_chain:
        return Check("model", "mismatch", "the mint recorded other weights than the chain names now")
    if document is None:
        return _unknown("model")
    if document.weights_digest != on_chain.hex():
        return Check("model", "mismatch", f"the metadata document names weights sha256:{document.weights_digest}")
    return Check("model", "ok")


def check_creator(token: Token, document: TokenDocument | None) -> Check:
    """The wallet on chain is the one of the mint, and the document's, if that names a wallet."""
    creator = token.provenance.creator
    if token.mint is None:
        return Check("creator", "unreadable", token.mint_problem)
    if token.mint.creator != creator:
        return Check("creator", "mismatch", f"the mint recorded {token.mint.creator} as the creator")
    if document is None:
        return _unknown("creator")
    if _WALLET.fullmatch(document.creator) is None:
        return Check("creator", "ok", f"the metadata document names no wallet but the user {document.creator[:100]!r}")
    if document.creator.lower() != creator.lower():
        return Check("creator", "mismatch", f"the metadata document names {document.creator}")
    return Check("creator", "ok")


def _unknown(name: CheckName) -> Check:
    return Check(name, "unreadable", "its metadata document cannot be read")
