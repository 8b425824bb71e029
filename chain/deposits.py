"""Books what was deposited in the fee vault: every deposit once, out of blocks that stay."""

from collections.abc import Sequence

from chain.contract import Contract
from chain.event_windows import EventWindows
from chain.node import Call, Head, Log, Node
from gitex.credits import Deposit
from gitex.errors import Conflict, Unavailable
from gitex.metrics import DEPOSITS
from gitex.ports import CreditLedger, Recorder


class DepositIndexer:
    """Reads one `FeeVault`'s deposits into the ledger, from where the ledger stands to the newest block that stays.

    Deposits are numbered without gaps, and the vault says how many there are: so a node that leaves some out, as those
    do that are behind, is found out before anything is booked. Any number of indexers may run at once, and be killed.
    """

    def __init__(
        self,
        node: Node,
        ledger: CreditLedger,
        chain_id: int,
        vault: str,
        first_block: int,
        *,
        recorder: Recorder,
    ) -> None:
        """`first_block`: of the vault's deployment."""
        self._node = node
        self._ledger = ledger
        self._chain_id = chain_id
        self._vault = Contract("FeeVault", vault)
        self._first_block = first_block
        self._recorder = recorder
        self._windows = EventWindows(node, vault)
        self._back_to: int | None = None
        """After a conflict: where to look again, before the ledger's cursor."""
        self._conflicts = 0
        """In a row."""
        self._final: Head | None = None
        """The block that was the newest final one when this was read last."""
        self.problem = ""
        """Why nothing is booked at present, for an operator; empty if all is well."""

    async def work_once(self) -> bool:
        """Book the deposits of one window of blocks. False if there was nothing to do, or no more is to be done now.

        Raises `Unavailable`; and `Conflict`, with nothing booked, if deposits are missing, or are not those that were
        booked under their number. Then all blocks are looked at again, at every second, fourth, eighth… conflict in a
        row: what the node left out may come by then, and an operator may not.
        """
        try:
            more = await self._book_next()
        except Conflict as problem:
            self._conflicts += 1
            self._back_to = self._first_block if self._conflicts.bit_count() == 1 else None
            self.problem = problem.message
            raise
        except Unavailable as problem:
            self.problem = problem.message
            raise
        self.problem = ""
        return more

    async def _book_next(self) -> bool:
        cursor = await self._ledger.cursor(self._chain_id, self._vault.address)
        finalized = await self._node.finalized()
        first = max(cursor.next_block, self._first_block) if self._back_to is None else self._back_to
        read = cursor.next_block - 1
        if read > finalized.number:
            raise Unavailable(f"no block after {finalized.number} is final, and {read} was when it was read before")
        if first > finalized.number:
            return False
        await self._check_finality()
        window = await self._windows.ahead([self._vault.topic("Deposited")], first, finalized.number)
        deposits = [self._deposit(log) for log in window.logs]
        next_deposit = _continued(deposits, cursor.next_deposit)
        at_end = window.last == finalized.number
        if at_end:
            await self._check_count(finalized, next_deposit - 1)
        await self._check_canonical(window.logs, finalized)
        booked = await self._ledger.book(self._chain_id, self._vault.address, deposits, through_block=window.last)
        self._final = finalized
        self._back_to = None if at_end or self._back_to is None else window.last + 1
        if at_end:
            self._conflicts = 0
        if booked:
            self._recorder.count(DEPOSITS.name, booked, {"chain": str(self._chain_id)})
        return booked > 0 or not at_end

    async def _check_finality(self) -> None:
        """What was booked may be gone if what was final is not: then all of it is compared again."""
        final = self._final
        if final is not None and await self._node.block_hash(final.number) != final.hash:
            self._final = None
            raise Conflict(f"block {final.number} was final, and was replaced after all")

    async def _check_count(self, finalized: Head, seen: int) -> None:
        call = Call(self._vault.address, self._vault.encode("depositCount"))
        (count,) = self._vault.decode("depositCount", await self._node.call(call, block=finalized.number))
        if count != seen:
            raise Conflict(
                f"the fee vault has {count} deposits up to block {finalized.number}, the node's events say {seen}"
            )

    async def _check_canonical(self, logs: Sequence[Log], finalized: Head) -> None:
        """Events of a block that is none of the chain's are no events."""
        hashes = {log.block_number: log.block_hash for log in logs} | {finalized.number: finalized.hash}
        for number, block_hash in sorted(hashes.items()):
            if await self._node.block_hash(number) != block_hash:
                raise Unavailable(f"block {number} was replaced while its deposits were read")

    def _deposit(self, log: Log) -> Deposit:
        values = self._vault.event(log)
        if values is None:
            raise Conflict(f"transaction {log.transaction_hash} has a deposit that cannot be read")
        return Deposit(
            chain_id=self._chain_id,
            vault=self._vault.address,
            deposit_id=values["depositId"],
            account=f"0x{values['account'].hex()}",
            payer=values["payer"],
            asset=values["asset"],
            amount=values["amount"],
            credits=values["credits"],
            discount_bps=values["discountBps"],
            block_number=log.block_number,
            transaction=log.transaction_hash,
        )


def _continued(deposits: Sequence[Deposit], expected: int) -> int:
    """The number that the deposit after these must have. Raise `Conflict` if one before it is missing.

    They may begin with some that are booked already.
    """
    following = expected
    for number, deposit in enumerate(deposits):
        in_row = number == 0 or deposit.deposit_id == deposits[number - 1].deposit_id + 1
        if not in_row or deposit.deposit_id > following:
            raise Conflict(f"the node leaves deposits out: {deposit.deposit_id} does not follow on {following - 1}")
        following = max(following, deposit.deposit_id + 1)
    return following
