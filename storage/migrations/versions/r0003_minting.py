"""Mints, the transactions that carry them out, who may sign; deposits and the ledger of credits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ENTRY_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; those that are there stay as they are."""
    _create_mints()
    _create_senders()
    _create_transactions()
    _create_deposits()
    _create_ledger()


def _create_mints() -> None:
    op.create_table(
        "mints",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("asset_id", sa.String(64), nullable=False),
        sa.Column("asset_sha256", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(42), nullable=False),
        sa.Column("creator", sa.String(42), nullable=False),
        sa.Column("royalty_bps", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(42), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("sender", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.String(64), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("elsewhere_hash", sa.String(66), nullable=False),
        sa.Column("elsewhere_block", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("finalized_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    not_failed = sa.text("state <> 'failed'")
    op.create_index(
        "ix_mints_one_token",
        "mints",
        ["asset_sha256", "chain_id", "contract"],
        unique=True,
        sqlite_where=not_failed,
        postgresql_where=not_failed,
    )
    op.create_index("ix_mints_oldest", "mints", ["chain_id", "contract", "state", "created_at", "id"])
    op.create_index("ix_mints_of_transaction", "mints", ["chain_id", "sender", "nonce"])
    op.create_table(
        "idempotency_keys",
        sa.Column("creator", sa.String(256), nullable=False),
        sa.Column("key", sa.String(256), nullable=False),
        sa.Column("order_key", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("creator", "key"),
    )


def _create_senders() -> None:
    op.create_table(
        "chain_senders",
        sa.Column("chain_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("address", sa.String(42), nullable=False),
        sa.Column("lease_owner", sa.String(64), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("chain_id", "address"),
    )


def _create_transactions() -> None:
    op.create_table(
        "chain_transactions",
        sa.Column("chain_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("sender", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("target", sa.String(42), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("mined_hash", sa.String(66), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.String(66), nullable=False),
        sa.Column("fee", sa.String(78), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "sender", "nonce"),
    )
    op.create_index("ix_chain_transactions_state", "chain_transactions", ["chain_id", "sender", "state", "nonce"])
    fees = ["chain_id", "sender", "state", "created_at", "fee"]
    op.create_index("ix_chain_transactions_fees", "chain_transactions", fees)
    op.create_table(
        "transaction_attempts",
        sa.Column("hash", sa.String(66), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.String(78), nullable=False),
        sa.Column("priority_fee", sa.String(78), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    in_order = ["chain_id", "sender", "nonce", "number"]
    op.create_index("ix_transaction_attempts_order", "transaction_attempts", in_order, unique=True)
    op.create_table(
        "transaction_mints",
        sa.Column("chain_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("sender", sa.String(42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("mint_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "sender", "nonce", "position"),
    )
    op.create_index("ix_transaction_mints_mint_id", "transaction_mints", ["mint_id"])


def _create_deposits() -> None:
    op.create_table(
        "deposits",
        sa.Column("chain_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("vault", sa.String(42), nullable=False),
        sa.Column("deposit_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("account", sa.String(66), nullable=False),
        sa.Column("payer", sa.String(42), nullable=False),
        sa.Column("asset", sa.String(42), nullable=False),
        sa.Column("amount", sa.String(78), nullable=False),
        sa.Column("credits", sa.String(78), nullable=False),
        sa.Column("discount_bps", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("transaction", sa.String(66), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "vault", "deposit_id"),
    )
    op.create_table(
        "deposit_cursors",
        sa.Column("chain_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("vault", sa.String(42), nullable=False),
        sa.Column("next_block", sa.BigInteger(), nullable=False),
        sa.Column("next_deposit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "vault"),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger_bookings",
        sa.Column("id", sa.String(160), nullable=False),
        sa.Column("transaction", sa.String(66), nullable=False),
        sa.Column("booked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", _ENTRY_ID, nullable=False, autoincrement=True),
        sa.Column("booking", sa.String(160), nullable=False),
        sa.Column("account", sa.String(160), nullable=False),
        sa.Column("credits", sa.String(79), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["booking"], ["ledger_bookings.id"]),
    )
    op.create_index("ix_ledger_entries_newest", "ledger_entries", ["account", "id"])
    op.create_index("ix_ledger_entries_booking", "ledger_entries", ["booking", "account"], unique=True)
