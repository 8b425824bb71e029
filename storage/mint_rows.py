"""Rows of minting as the words of `gitex.minting`, and which rows a worker may write."""

from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.engine import Row

from gitex.minting import Mint, MintOrder, MintState, Sender
from gitex.publishing import PublicationState
from storage.chain_tables import AttemptRecord, ChainTransactionRecord, MintRecord
from storage.tables import PublicationRecord

IN_FLIGHT: tuple[Literal["signed", "broadcast", "mined"], ...] = ("signed", "broadcast", "mined")
"""Of mints and of transactions: there is one, and it may still come to nothing."""

_WAITING = {
    "queued": "its asset is being published",
    "pinning": "its asset is being published",
    "failed": "its asset could not be published",
}


def carried_by(sender: Sender, nonce: int) -> ColumnElement[bool]:
    """The mints that stand or fall with that transaction."""
    return and_(_of(sender), MintRecord.nonce == nonce, MintRecord.state.in_(IN_FLIGHT))


def taken_by(sender: Sender, owner: str) -> ColumnElement[bool]:
    """The mints that the sender's worker has taken and not yet signed."""
    return and_(_of(sender), MintRecord.state == "reserved", MintRecord.lease_owner == owner)


def in_hand(sender: Sender, owner: str) -> ColumnElement[bool]:
    """The mints that the sender's worker may decide about: taken, or in one of the sender's transactions."""
    return or_(taken_by(sender, owner), and_(_of(sender), MintRecord.state.in_(IN_FLIGHT)))


def _of(sender: Sender) -> ColumnElement[bool]:
    return and_(MintRecord.chain_id == sender.chain_id, MintRecord.sender == sender.address)


def mint_rows() -> Select[Any]:
    """Mints with what `mint` needs of other tables."""
    transaction, attempt = ChainTransactionRecord, AttemptRecord
    newest = (
        select(attempt.hash)
        .where(
            attempt.chain_id == MintRecord.chain_id,
            attempt.sender == MintRecord.sender,
            attempt.nonce == MintRecord.nonce,
        )
        .order_by(attempt.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    its_own = and_(
        transaction.chain_id == MintRecord.chain_id,
        transaction.sender == MintRecord.sender,
        transaction.nonce == MintRecord.nonce,
    )
    columns = (
        transaction.mined_hash,
        transaction.block_number,
        newest.label("newest_hash"),
        PublicationRecord.state.label("publication"),
    )
    return (
        select(MintRecord, *columns)
        .outerjoin(transaction, its_own)
        .outerjoin(PublicationRecord, PublicationRecord.asset_id == MintRecord.asset_id)
    )


def mint(row: Row[Any]) -> Mint:
    """A row of `mint_rows`."""
    record = cast(MintRecord, row.MintRecord)
    return Mint(
        id=record.id,
        order=order(record),
        state=cast(MintState, record.state),
        reason=record.reason or _why_it_waits(record, row.publication),
        transaction=record.elsewhere_hash or row.mined_hash or row.newest_hash or "",
        block_number=record.elsewhere_block if record.elsewhere_hash else row.block_number,
        created_at=record.created_at,
        updated_at=record.updated_at,
        finalized_at=record.finalized_at,
    )


def _why_it_waits(record: MintRecord, publication: PublicationState | None) -> str:
    if record.state != "reserved":
        return ""
    return "its asset is not published" if publication is None else _WAITING.get(publication, "")


def order(record: MintRecord) -> MintOrder:
    """What was asked for."""
    return MintOrder(
        asset_id=record.asset_id,
        asset_sha256=record.asset_sha256,
        recipient=record.recipient,
        creator=record.creator,
        royalty_bps=record.royalty_bps,
        chain_id=record.chain_id,
        contract=record.contract,
    )
