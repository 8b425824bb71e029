"""The body of a token."""

import json
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.tokens import MintRecord, Token
from serve_app.services.token_checks import Check, CheckName, CheckVerdict
from serve_app.services.tokens import TokenReport


class TokenProvenanceBody(BaseModel):
    """What the contract keeps of the token. Digests are SHA-256, in hex."""

    asset_sha256: str = Field(description="of the picture")
    metadata_sha256: str = Field(description="in the CID of the metadata document")
    model_sha256: str = Field(description="names the model's weights")
    prompt_history_sha256: str
    creator: str = Field(description="the wallet that gets the token's royalties")
    minted_at: datetime


class TokenMintBody(BaseModel):
    """The events of the mint."""

    transaction_hash: str
    transaction_url: str | None = Field(None, description="its page, if the chain has an explorer")
    block_number: int
    prompt_history: list[str] | None = Field(None, description="as it lies on chain; absent if it is no list of texts")


class RoyaltyBody(BaseModel):
    """What marketplaces are asked to pay (ERC-2981)."""

    receiver: str
    bps: int = Field(description="of the price, in basis points")


class CheckBody(BaseModel):
    """One comparison of chain, metadata document and picture."""

    name: CheckName
    verdict: CheckVerdict = Field(description="`unreadable`: something that it needs could not be had just now")
    reason: str | None = None

    @classmethod
    def of(cls, check: Check) -> Self:
        """A check as a body."""
        return cls(name=check.name, verdict=check.verdict, reason=check.reason or None)


class TokenBody(BaseModel):
    """A token as it was read back from the chain and from IPFS."""

    object: Literal["token"] = "token"
    token_id: str = Field(description="the asset's SHA-256 as a decimal number of up to 256 bits")
    token_id_hex: str
    chain_id: int
    contract: str
    owner: str
    token_uri: str
    final: bool = Field(description="it is in a block that stays")
    matches: bool = Field(description="every check is ok")
    checks: list[CheckBody]
    provenance: TokenProvenanceBody
    royalty: RoyaltyBody
    mint: TokenMintBody | None = Field(None, description="absent if the node does not give the events")
    token_url: str | None = Field(None, description="its page, if the chain has an explorer")
    read_at_block: int

    @classmethod
    def of(cls, report: TokenReport) -> Self:
        """A token as a body."""
        token = report.token
        return cls(
            token_id=str(token.id),
            token_id_hex=f"0x{token.id:064x}",
            chain_id=report.chain.chain_id,
            contract=token.contract,
            owner=token.owner,
            token_uri=token.uri,
            final=token.final,
            matches=report.matches,
            checks=[CheckBody.of(check) for check in report.checks],
            provenance=_provenance(token),
            royalty=RoyaltyBody(receiver=token.royalty.receiver, bps=token.royalty.bps),
            mint=None if token.mint is None else _mint(token.mint, report.transaction_url),
            token_url=report.token_url or None,
            read_at_block=token.block_number,
        )


def _provenance(token: Token) -> TokenProvenanceBody:
    provenance = token.provenance
    return TokenProvenanceBody(
        asset_sha256=provenance.asset_digest.hex(),
        metadata_sha256=provenance.metadata_digest.hex(),
        model_sha256=provenance.model_digest.hex(),
        prompt_history_sha256=provenance.prompt_digest.hex(),
        creator=provenance.creator,
        minted_at=provenance.minted_at,
    )


def _mint(mint: MintRecord, url: str) -> TokenMintBody:
    return TokenMintBody(
        transaction_hash=mint.transaction,
        transaction_url=url or None,
        block_number=mint.block_number,
        prompt_history=_history(mint.prompt),
    )


def _history(prompt: bytes) -> list[str] | None:
    """Whatever was minted: it is told only if it is what it should be, and text that UTF-8 has."""
    try:
        found = json.loads(prompt)
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            return None
        "".join(found).encode()
    except (ValueError, RecursionError):
        return None
    return found
