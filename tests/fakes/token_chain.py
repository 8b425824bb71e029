"""A chain in memory with tokens on it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chain.reverts import explained
from tests.fakes.read_node import Emitted, ReadNode

NFT = "0x00000000000000000000000000000000000000Af"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CREATOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
NOBODY = "0x0000000000000000000000000000000000000000"


@dataclass(frozen=True)
class Minted:
    """What a token is minted with."""

    asset_digest: bytes
    prompt: bytes = b'["a red star"]'
    metadata_digest: bytes = b"m" * 32
    model_digest: bytes = b"w" * 32
    owner: str = OWNER
    creator: str = CREATOR
    royalty_bps: int = 0

    @property
    def token_id(self) -> int:
        """The asset's digest as a number."""
        return int.from_bytes(self.asset_digest)


class TokenChain:
    """A `ReadNode` whose contract has the tokens of the blocks up to the one that is asked about."""

    def __init__(self, final_depth: int = 2) -> None:
        self.node = ReadNode(final_depth=final_depth)
        self.tokens: dict[str, Minted] = {}
        """By the hash of the mint's transaction."""
        answers: dict[str, Callable[..., Any]] = {
            "ownerOf": lambda block, token: self._found(block, token).owner,
            "provenanceOf": self._provenance,
            "tokenURI": lambda block, token: f"ipfs://{self._found(block, token).metadata_digest.hex()}",
            "royaltyInfo": lambda block, token, price: self._royalty(self._found(block, token), price),
            "isMinted": lambda block, digest: self._look(block, int.from_bytes(digest)) is not None,
        }
        self.node.contracts[NFT] = ("GitexNFT", answers)

    def mint(self, minted: Minted) -> None:
        """In a block of its own."""
        digest = hashlib.sha256(minted.prompt).digest()
        recorded = {
            "tokenId": minted.token_id,
            "creator": minted.creator,
            "modelDigest": minted.model_digest,
            "promptDigest": digest,
            "metadataDigest": minted.metadata_digest,
        }
        block = self.node.mine(
            Emitted("GitexNFT", NFT, "ProvenanceRecorded", recorded),
            Emitted("GitexNFT", NFT, "PromptRecorded", {"tokenId": minted.token_id, "prompt": minted.prompt}),
            Emitted("GitexNFT", NFT, "Transfer", {"from": NOBODY, "to": minted.owner, "tokenId": minted.token_id}),
        )
        self.tokens[block.head.hash] = minted

    def _look(self, block: int, token_id: int) -> tuple[int, Minted] | None:
        for found in self.node.blocks[: block + 1]:
            minted = self.tokens.get(found.head.hash)
            if minted is not None and minted.token_id == token_id:
                return found.head.timestamp, minted
        return None

    def _found(self, block: int, token_id: int) -> Minted:
        found = self._look(block, token_id)
        if found is None:
            raise explained(bytes.fromhex("7e273289") + token_id.to_bytes(32))
        return found[1]

    def _provenance(self, block: int, token_id: int) -> tuple[Any, ...]:
        minted = self._found(block, token_id)
        found = self._look(block, token_id)
        assert found is not None
        fields = {
            "assetDigest": minted.asset_digest,
            "metadataDigest": minted.metadata_digest,
            "modelDigest": minted.model_digest,
            "promptDigest": hashlib.sha256(minted.prompt).digest(),
            "creator": minted.creator,
            "metadataCodec": 0x55,
            "royaltyBps": minted.royalty_bps,
            "mintedAt": found[0],
        }
        return (fields,)

    def _royalty(self, minted: Minted, price: int) -> tuple[str, int]:
        own = minted.royalty_bps
        return (minted.creator, price * own // 10_000) if own else (NFT, price * 500 // 10_000)
