"""Tokens as a chain has them: who owns one, where its asset came from, and how it was minted."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

TOKEN_BITS = 256
"""Of a token's id, which is the SHA-256 of its asset as a number."""


@dataclass(frozen=True)
class TokenProvenance:
    """What the contract keeps of a token. Digests are SHA-256, 32 bytes."""

    asset_digest: bytes
    """Of the picture's bytes."""
    metadata_digest: bytes
    """In the CID of the metadata document."""
    model_digest: bytes
    """Names the model's weights."""
    prompt_digest: bytes
    """Of the prompt history's bytes."""
    creator: str
    """A wallet; checksummed, as all addresses here."""
    metadata_codec: int
    """Of the metadata document's CID: 0x55 (raw) or 0x70 (dag-pb)."""
    royalty_bps: int
    """The token's own, in basis points; 0 for the collection's."""
    minted_at: datetime
    """Time of the block that minted it. Aware, UTC."""


@dataclass(frozen=True)
class MintRecord:
    """The events of a token's mint: what was recorded then, which nothing can change any more."""

    transaction: str
    """Hash (0x…), as `block_hash`."""
    block_number: int
    block_hash: str
    prompt: bytes
    """The whole prompt history, as canonical JSON."""
    creator: str
    model_digest: bytes
    prompt_digest: bytes
    metadata_digest: bytes
    """Of the first metadata document: governance may have pointed the token to another one since."""


class Royalty(NamedTuple):
    """What marketplaces are asked to pay."""

    receiver: str
    bps: int
    """Of the price, in basis points."""


@dataclass(frozen=True)
class Token:
    """One token, as of one block."""

    id: int
    contract: str
    owner: str
    uri: str
    """Of the metadata document: `ipfs://` and its CID."""
    provenance: TokenProvenance
    royalty: Royalty
    mint: MintRecord | None
    """None if the node does not give the events; `mint_problem` says why."""
    mint_problem: str
    final: bool
    """Whether it is in a block that stays."""
    block_number: int
    """Of the block that all of this was read at."""
