"""A ledger of credits in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gitex.credits import Deposit, DepositCursor, LedgerEntry
from gitex.errors import Conflict

BOOKED_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class MemoryLedger:
    """A `gitex.ports.CreditLedger` of any number of vaults."""

    cursors: dict[tuple[int, str], DepositCursor] = field(default_factory=dict)
    booked: dict[tuple[int, str], list[Deposit]] = field(default_factory=dict)
    error: Exception | None = None

    async def cursor(self, chain_id: int, vault: str) -> DepositCursor:
        if self.error is not None:
            raise self.error
        return self.cursors.get((chain_id, vault), DepositCursor(0, 1))

    async def book(self, chain_id: int, vault: str, deposits: Sequence[Deposit], *, through_block: int) -> int:
        cursor = await self.cursor(chain_id, vault)
        booked = self.booked.setdefault((chain_id, vault), [])
        following = cursor.next_deposit
        for deposit in deposits:
            if deposit.deposit_id < cursor.next_deposit:
                if booked[deposit.deposit_id - 1] != deposit:
                    raise Conflict(f"deposit {deposit.deposit_id} is not what was booked under its number")
            elif deposit.deposit_id != following:
                raise Conflict(f"deposit {deposit.deposit_id} does not follow on {following - 1}")
            else:
                following += 1
        new = [deposit for deposit in deposits if deposit.deposit_id >= cursor.next_deposit]
        booked += new
        self.cursors[chain_id, vault] = DepositCursor(max(cursor.next_block, through_block + 1), following)
        return len(new)

    async def balance(self, account: str) -> int:
        return sum(entry.credits for entry in await self.entries(account, 10**9))

    async def entries(self, account: str, limit: int = 100) -> Sequence[LedgerEntry]:
        if self.error is not None:
            raise self.error
        found = [
            LedgerEntry(
                f"deposit:{each.chain_id}:{each.vault}:{each.deposit_id}",
                each.account,
                each.credits,
                BOOKED_AT,
                each.transaction,
            )
            for deposits in self.booked.values()
            for each in deposits
            if each.account == account
        ]
        return found[::-1][:limit]
