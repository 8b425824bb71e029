"""Tokens in memory, together with what they point to."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gitex.assets import Asset
from gitex.errors import NotFound
from gitex.events import StageSeconds
from gitex.metadata import canonical_json, metadata_document
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.tokens import MintRecord, Royalty, Token, TokenProvenance
from gitex.variants import Variant
from storage.ipfs.cid import Cid
from tests.fakes.content import MemoryContent

NFT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CREATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"a red star" * 60_000
"""Longer than one block of IPFS."""
WHEN = datetime(2026, 11, 24, 12, tzinfo=UTC)
_CODECS = {"raw": 0x55, "dag-pb": 0x70}


@dataclass
class MemoryTokens:
    """A `gitex.ports.TokenRegistry`."""

    tokens: dict[int, Token] = field(default_factory=dict)
    error: Exception | None = None

    async def read(self, token_id: int) -> Token:
        if self.error is not None:
            raise self.error
        if token_id not in self.tokens:
            raise NotFound(f"there is no token {token_id}", param="token_id")
        return self.tokens[token_id]

    async def is_minted(self, digest: bytes) -> bool:
        return int.from_bytes(digest) in self.tokens


def asset(picture: bytes = PICTURE, cid: str = "", creator: str = "ada") -> Asset:
    """A stored picture with a history."""
    variant = Variant("emblem", 3, "sha256:" + "a" * 64)
    return Asset(
        id="ast_1",
        sha256=hashlib.sha256(picture).hexdigest(),
        media_type="image/png",
        size=len(picture),
        spec=ImageSpec(variant, "a red star", 128, 128, 7, DiffusionSettings(20, 7.5, "euler")),
        stages=StageSeconds(),
        created_at=WHEN,
        cid=cid,
        creator=creator,
        prompt_history=("a star", 'a "réd" star'),
    )


def minted(content: MemoryContent, picture: bytes = PICTURE, creator: str = "ada") -> Token:
    """A token whose picture and document are kept in `content`, and match."""
    cid = content.add_file(picture, "image/png")
    made = asset(picture, cid, creator)
    return pointing_to(content, metadata_document(made, cid), made)


def pointing_to(content: MemoryContent, document: bytes, made: Asset) -> Token:
    """That asset's token, with this document in the place of its own."""
    cid = Cid.parse(content.add_file(document))
    prompt = canonical_json(list(made.prompt_history))
    provenance = TokenProvenance(
        asset_digest=bytes.fromhex(made.sha256),
        metadata_digest=cid.digest,
        model_digest=bytes.fromhex(made.spec.variant.weights_digest.removeprefix("sha256:")),
        prompt_digest=hashlib.sha256(prompt).digest(),
        creator=CREATOR,
        metadata_codec=_CODECS[cid.codec],
        royalty_bps=500,
        minted_at=WHEN,
    )
    record = MintRecord(
        transaction="0x" + "7" * 64,
        block_number=12,
        block_hash="0x" + "8" * 64,
        prompt=prompt,
        creator=CREATOR,
        model_digest=provenance.model_digest,
        prompt_digest=provenance.prompt_digest,
        metadata_digest=provenance.metadata_digest,
    )
    return Token(
        id=int(made.sha256, 16),
        contract=NFT,
        owner=OWNER,
        uri=f"ipfs://{cid}",
        provenance=provenance,
        royalty=Royalty(CREATOR, 500),
        mint=record,
        mint_problem="",
        final=True,
        block_number=20,
    )


def with_prompt(token: Token, prompt: bytes) -> Token:
    """The token as if its events had this prompt history."""
    assert token.mint is not None
    return replace(token, mint=replace(token.mint, prompt=prompt))
