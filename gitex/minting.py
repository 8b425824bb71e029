"""Minting: what is asked for, how it stands, and the transactions that carry it out."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

MintState = Literal["reserved", "signed", "broadcast", "mined", "final", "failed"]
"""`reserved`: the row stands; it waits for its publication and for its turn. `signed`: its transaction is stored with
its hash. `broadcast`: a node has taken the transaction. `mined`: it is in a block that may still be replaced. `final`:
in a block that may not. `failed`: it will not be tried again by itself; `reason` says why."""

TransactionState = Literal["signed", "broadcast", "mined", "final", "lost"]
"""As of mints. `lost`: its nonce went, for good, to a transaction that is not ours."""

MAX_ROYALTY_BPS = 1000
"""The contract's limit: a tenth."""
MAX_PROMPT_BYTES = 16 * 1024
"""The contract's limit of a prompt history, as canonical JSON."""


class Sender(NamedTuple):
    """One key on one chain: what has a nonce of its own, and one worker at a time in the whole cluster."""

    chain_id: int
    address: str
    """Checksummed, as all addresses here."""


@dataclass(frozen=True)
class MintOrder:
    """What is asked for. The same order is the same mint, however often it is asked for."""

    asset_id: str
    asset_sha256: str
    """In hex. As a number it is the token's id."""
    recipient: str
    """Who gets the token."""
    creator: str
    """The wallet that the provenance names, and that gets the token's royalties."""
    royalty_bps: int
    """0 to `MAX_ROYALTY_BPS`; 0 for the collection's own."""
    chain_id: int
    contract: str
    """Of the `GitexNFT` that mints it."""

    @property
    def key(self) -> str:
        """SHA-256, in hex, of what makes two orders the same: asset digest, recipient, chain and contract."""
        parts = (self.asset_sha256, self.recipient.lower(), str(self.chain_id), self.contract.lower())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def token_id(self) -> int:
        """The token's id: the asset's digest as a number of 256 bits."""
        return int(self.asset_sha256, 16)


@dataclass(frozen=True)
class Mint:
    """An order, and how it stands."""

    id: str
    order: MintOrder
    state: MintState
    reason: str
    """Why it failed or waits; empty otherwise."""
    transaction: str
    """Hash (0x…) of the transaction that carries it, the newest of those with its nonce; empty until it is signed."""
    block_number: int | None
    """Of the block that has it; None while there is none."""
    created_at: datetime
    """Aware, UTC, as all moments here."""
    updated_at: datetime
    finalized_at: datetime | None = None


@dataclass(frozen=True)
class MintJob:
    """A reserved mint whose asset is published: all that its transaction needs."""

    mint_id: str
    order: MintOrder
    metadata_codec: int
    """Of the metadata document's CID: 0x55 (raw) or 0x70 (dag-pb)."""
    metadata_digest: bytes
    """The SHA2-256 digest in that CID: 32 bytes."""
    model_digest: bytes
    """SHA-256 that names the model's weights: 32 bytes."""
    prompt: bytes
    """The whole prompt history as canonical JSON: its SHA-256 is the document's `prompt_history_sha256`."""
    alone: bool
    """Not to share a transaction with others: one that it shared was reverted."""


@dataclass(frozen=True)
class Attempt:
    """One signed form of a transaction. All forms of one nonce say the same, but for their fees."""

    hash: str
    """0x…, known before it is sent."""
    raw: bytes
    """What a node is given."""
    max_fee: int
    """The most that a unit of gas may cost, in wei."""
    priority_fee: int
    """Of that, what the block's builder may keep, in wei."""
    created_at: datetime


@dataclass(frozen=True)
class ChainTransaction:
    """What one nonce of one sender was used for."""

    sender: Sender
    nonce: int
    to: str
    data: bytes
    """The call; empty for one that does nothing but use up its nonce."""
    gas: int
    """Its limit."""
    state: TransactionState
    attempts: tuple[Attempt, ...]
    """In the order of their making; at least one."""
    mint_ids: tuple[str, ...]
    """The mints that it carries, in the call's order."""
    mined_hash: str = ""
    """Which attempt is in a block; empty while none is."""
    block_number: int | None = None
    block_hash: str = ""

    @property
    def newest(self) -> Attempt:
        """The attempt with the highest fees."""
        return self.attempts[-1]


class Inclusion(NamedTuple):
    """An attempt of ours in a block."""

    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    """False for a reverted one."""
    fee: int
    """What it cost, in wei."""
