"""The body of an account's credits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.credits import LedgerEntry


class CreditEntryBody(BaseModel):
    """One booking, as the account's owner sees it."""

    booking: str = Field(description="what it was booked for, as in `deposit:{chain id}:{vault}:{number}`")
    credits: str = Field(description="positive: received; as a decimal number")
    booked_at: datetime
    transaction_hash: str | None = Field(None, description="of what it was booked for, if that is on a chain")

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        """An entry as a body."""
        return cls(
            booking=entry.booking,
            credits=str(entry.credits),
            booked_at=entry.booked_at,
            transaction_hash=entry.transaction or None,
        )


class CreditsBody(BaseModel):
    """An account's credits. Numbers are texts: a deposit may buy more than JavaScript can count."""

    object: Literal["credits"] = "credits"
    account: str
    balance: str
    entries: list[CreditEntryBody] = Field(description="the newest first")

    @classmethod
    def of(cls, account: str, balance: int, entries: Sequence[LedgerEntry]) -> Self:
        """An account as a body."""
        return cls(account=account, balance=str(balance), entries=[CreditEntryBody.of(entry) for entry in entries])
