"""The SQL tables of minting and of credits. The types, and what a record is, as in `storage.tables`.

Amounts in wei, and all that may exceed 63 bits, are decimal text: the databases' integers hold no more.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.columns import PlainString, UtcDateTime, utc_now
from storage.tables import Record

_ID = PlainString(64)
_ADDRESS = String(42)
_HASH = String(66)
"""0x and 32 bytes in hex."""
_WIDE = String(78)
"""A whole number of up to 256 bits, in decimal."""
_ENTRY_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself in a column of exactly that type only; it has 63 bits there as well."""


class MintRecord(Record):
    """One order of a token, and how it stands."""

    __tablename__ = "mints"
    __table_args__ = (
        Index(
            "ix_mints_one_token",
            "asset_sha256",
            "chain_id",
            "contract",
            unique=True,
            sqlite_where=text("state <> 'failed'"),
            postgresql_where=text("state <> 'failed'"),
        ),
        Index("ix_mints_oldest", "chain_id", "contract", "state", "created_at", "id"),
        Index("ix_mints_of_transaction", "chain_id", "sender", "nonce"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """`MintOrder.key`."""
    asset_id: Mapped[str] = mapped_column(_ID)
    asset_sha256: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(_ADDRESS)
    creator: Mapped[str] = mapped_column(_ADDRESS)
    royalty_bps: Mapped[int] = mapped_column(Integer)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    contract: Mapped[str] = mapped_column(_ADDRESS)
    state: Mapped[str] = mapped_column(String(16), default="reserved")
    """`gitex.minting.MintState`."""
    reason: Mapped[str] = mapped_column(PlainString(), default="")
    sender: Mapped[str] = mapped_column(_ADDRESS, default="")
    """While reserved: whose worker has taken it. Afterwards, with `nonce`: the transaction that carries it."""
    nonce: Mapped[int | None] = mapped_column(BigInteger)
    lease_owner: Mapped[str] = mapped_column(_ID, default="")
    """The worker that has taken it, for as long as it holds the sender's lease."""
    alone: Mapped[bool] = mapped_column(Boolean, default=False)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    """Not to be taken before."""
    elsewhere_hash: Mapped[str] = mapped_column(_HASH, default="")
    """Of a transaction that is not ours and minted the token."""
    elsewhere_block: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finalized_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class IdempotencyKeyRecord(Record):
    """What a caller's key was first used for."""

    __tablename__ = "idempotency_keys"

    creator: Mapped[str] = mapped_column(PlainString(256), primary_key=True)
    """The tenant whose asset it is: nobody meets the keys of others."""
    key: Mapped[str] = mapped_column(PlainString(256), primary_key=True)
    order_key: Mapped[str] = mapped_column(String(64))
    """`MintOrder.key`."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ChainSenderRecord(Record):
    """Who may sign for a sender now."""

    __tablename__ = "chain_senders"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(_ADDRESS, primary_key=True)
    lease_owner: Mapped[str] = mapped_column(_ID, default="")
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ChainTransactionRecord(Record):
    """What one nonce of a sender was used for."""

    __tablename__ = "chain_transactions"
    __table_args__ = (
        Index("ix_chain_transactions_state", "chain_id", "sender", "state", "nonce"),
        Index("ix_chain_transactions_fees", "chain_id", "sender", "state", "created_at", "fee"),
    )

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sender: Mapped[str] = mapped_column(_ADDRESS, primary_key=True)
    nonce: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    target: Mapped[str] = mapped_column(_ADDRESS)
    """`ChainTransaction.to`, which is a word of SQL."""
    data: Mapped[bytes] = mapped_column(LargeBinary)
    gas: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    """`gitex.minting.TransactionState`."""
    mined_hash: Mapped[str] = mapped_column(_HASH, default="")
    block_number: Mapped[int | None] = mapped_column(BigInteger)
    block_hash: Mapped[str] = mapped_column(_HASH, default="")
    fee: Mapped[str | None] = mapped_column(_WIDE)
    """What it cost, in wei; None while it is in no block."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Of the first attempt."""
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class AttemptRecord(Record):
    """One signed form of a transaction."""

    __tablename__ = "transaction_attempts"
    __table_args__ = (Index("ix_transaction_attempts_order", "chain_id", "sender", "nonce", "number", unique=True),)

    hash: Mapped[str] = mapped_column(_HASH, primary_key=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    sender: Mapped[str] = mapped_column(_ADDRESS)
    nonce: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(Integer)
    """From 0, in the order of their making: clocks may go back."""
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    max_fee: Mapped[str] = mapped_column(_WIDE)
    """In wei, as `priority_fee`."""
    priority_fee: Mapped[str] = mapped_column(_WIDE)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TransactionMintRecord(Record):
    """That a transaction was signed for a mint. It stays when the mint is let go: what it is in now, the mint says."""

    __tablename__ = "transaction_mints"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sender: Mapped[str] = mapped_column(_ADDRESS, primary_key=True)
    nonce: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 0, in the call."""
    mint_id: Mapped[str] = mapped_column(_ID, index=True)


class DepositRecord(Record):
    """One deposit of a fee vault, as it was booked."""

    __tablename__ = "deposits"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    vault: Mapped[str] = mapped_column(_ADDRESS, primary_key=True)
    deposit_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account: Mapped[str] = mapped_column(_HASH)
    payer: Mapped[str] = mapped_column(_ADDRESS)
    asset: Mapped[str] = mapped_column(_ADDRESS)
    amount: Mapped[str] = mapped_column(_WIDE)
    """In the asset's smallest unit."""
    credits: Mapped[str] = mapped_column(_WIDE)
    discount_bps: Mapped[int] = mapped_column(Integer)
    block_number: Mapped[int] = mapped_column(BigInteger)
    transaction: Mapped[str] = mapped_column(_HASH)


class DepositCursorRecord(Record):
    """How far the deposits of a vault are booked."""

    __tablename__ = "deposit_cursors"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    vault: Mapped[str] = mapped_column(_ADDRESS, primary_key=True)
    next_block: Mapped[int] = mapped_column(BigInteger)
    next_deposit: Mapped[int] = mapped_column(BigInteger)


class BookingRecord(Record):
    """Something that was booked: its entries' sum is 0."""

    __tablename__ = "ledger_bookings"

    id: Mapped[str] = mapped_column(PlainString(160), primary_key=True)
    """`LedgerEntry.booking`."""
    transaction: Mapped[str] = mapped_column(_HASH, default="")
    booked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class EntryRecord(Record):
    """One side of a booking."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        Index("ix_ledger_entries_newest", "account", "id"),
        Index("ix_ledger_entries_booking", "booking", "account", unique=True),
    )

    id: Mapped[int] = mapped_column(_ENTRY_ID, primary_key=True, autoincrement=True)
    """Counts up: the order of the entries."""
    booking: Mapped[str] = mapped_column(PlainString(160), ForeignKey("ledger_bookings.id"))
    account: Mapped[str] = mapped_column(PlainString(160))
    credits: Mapped[str] = mapped_column(String(79))
    """In decimal, of up to 256 bits, with its sign."""
