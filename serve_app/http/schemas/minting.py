"""Bodies of mints."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gitex.minting import MAX_ROYALTY_BPS, MintState
from gitex.vouchers import Voucher
from serve_app.services.minting import MintStanding
from serve_app.services.vouchers import LONGEST_SECONDS, SHORTEST_SECONDS

Address = Annotated[
    str,
    Field(
        pattern="^0x[0-9a-fA-F]{40}$",
        examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
        description="with its checksum (EIP-55), or all in small letters",
    ),
]
Royalty = Annotated[
    int, Field(ge=0, le=MAX_ROYALTY_BPS, description="of the creator, in basis points; 0: the collection's own")
]


class MintRequest(BaseModel):
    """Who gets the token."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recipient: Address
    creator: Address | None = Field(None, description="the wallet that gets the royalties; default: the recipient")
    royalty_bps: Royalty = 0


class MintBody(BaseModel):
    """Where a mint stands."""

    object: Literal["mint"] = "mint"
    id: str
    asset_id: str
    state: MintState
    reason: str | None = Field(None, description="why it failed or waits")
    token_id: str = Field(description="the asset's SHA-256 as a decimal number of up to 256 bits")
    recipient: str
    creator: str
    royalty_bps: int
    chain_id: int
    contract: str
    transaction_hash: str | None = Field(None, description="of the transaction that carries it; it may be replaced")
    block_number: int | None = None
    confirmations: int | None = Field(None, description="blocks that stand on it; absent if no node answers")
    transaction_url: str | None = Field(None, description="page of the transaction, if the chain has an explorer")
    token_url: str | None = Field(None, description="page of the token")
    created_at: datetime
    updated_at: datetime
    finalized_at: datetime | None = None

    @classmethod
    def of(cls, standing: MintStanding) -> "MintBody":
        """A mint as a body."""
        mint, order = standing.mint, standing.mint.order
        return cls(
            id=mint.id,
            asset_id=order.asset_id,
            state=mint.state,
            reason=mint.reason or None,
            token_id=str(order.token_id),
            recipient=order.recipient,
            creator=order.creator,
            royalty_bps=order.royalty_bps,
            chain_id=order.chain_id,
            contract=order.contract,
            transaction_hash=mint.transaction or None,
            block_number=mint.block_number,
            confirmations=standing.confirmations,
            transaction_url=standing.transaction_url or None,
            token_url=standing.token_url or None,
            created_at=mint.created_at,
            updated_at=mint.updated_at,
            finalized_at=mint.finalized_at,
        )


class VoucherRequest(BaseModel):
    """What the creator's own wallet is to mint, and on which terms."""

    model_config = ConfigDict(extra="forbid", strict=True)

    creator: Address
    recipient: Address | None = Field(None, description="who gets the token; default: the creator")
    royalty_bps: Royalty = 0
    price_wei: str = Field(
        "0", pattern="^[0-9]{1,78}$", description="what the creator must send with it, in wei of the chain's coin"
    )
    valid_for_s: int = Field(
        24 * 3600, ge=SHORTEST_SECONDS, le=LONGEST_SECONDS, description="for how many seconds it is good"
    )


class VoucherBody(BaseModel):
    """A signed mint: send `calldata` and `price_wei` to `contract` from the creator's wallet before `deadline`."""

    object: Literal["voucher"] = "voucher"
    uid: str = Field(description="32 bytes: redeemed or cancelled once")
    chain_id: int
    contract: str
    creator: str = Field(description="the only wallet that may redeem it")
    token_id: str = Field(description="the asset's SHA-256 as a decimal number of up to 256 bits")
    deadline: datetime = Field(description="last moment, of the chain's own clock, at which it is good")
    price_wei: str
    signer: str
    signature: str
    digest: str = Field(description="EIP-712 digest of `typed_data`: what `signature` signs")
    typed_data: dict[str, Any] = Field(description="as `eth_signTypedData_v4` takes it")
    calldata: str = Field(description="the call of `redeem`")

    @classmethod
    def of(cls, voucher: Voucher) -> "VoucherBody":
        """A voucher as a body."""
        return cls(
            uid=voucher.uid,
            chain_id=voucher.chain_id,
            contract=voucher.contract,
            creator=voucher.creator,
            token_id=str(voucher.token_id),
            deadline=voucher.deadline,
            price_wei=str(voucher.price),
            signer=voucher.signer,
            signature=voucher.signature,
            digest=voucher.digest,
            typed_data=dict(voucher.typed_data),
            calldata=voucher.calldata,
        )
