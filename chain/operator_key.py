"""One key that an operator deploys and governs with: prepares, signs and sends single transactions, and waits for them.

Not for minting: what must never be done twice is in `chain.minter`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chain.contract import Contract
from chain.fees import Fees
from chain.node import Call, Node
from chain.reading import read
from chain.signer import SignedTransaction, Signer, UnsignedTransaction
from configs.chains import Chain
from gitex.errors import EngineFailure, TransactionRefused, Unavailable
from gitex.minting import Inclusion

WAIT_SECONDS = 300.0
"""For a block, before one is told to come back."""
SEND_TRIES = 10
NONCE_TAKEN = ("nonce_too_low", "underpriced")
"""What a node says of a nonce that another transaction has, in a block or waiting."""


class Priced(NamedTuple):
    """What a transaction would take."""

    gas: int
    fees: Fees

    @property
    def cost(self) -> int:
        """At most, in wei."""
        return self.gas * self.fees.max_fee


@dataclass(frozen=True)
class OperatorKey:
    """Raises `Unavailable` when node or signer does not answer, `Reverted` for what a contract refuses."""

    node: Node
    signer: Signer
    chain: Chain
    address: str
    """Whose key it is; one of the signer's."""
    say: Callable[[str], None] = lambda _: None
    """Gets a line about everything that is done."""
    wait_s: float = WAIT_SECONDS
    poll_s: float = 0.1

    async def price(self, call: Call, *, gas: int | None = None) -> Priced:
        """For a unit of gas: twice the base fee, so that it stays good while that doubles."""
        estimate = await self.node.estimate(call) if gas is None else gas
        return Priced(estimate + estimate // 5 if gas is None else gas, await self.fees())

    async def fees(self) -> Fees:
        """What one would begin with now."""
        head, priority = await self.node.head(), await self.node.priority_fee()
        return Fees(2 * head.base_fee + max(1, priority), max(1, priority))

    async def sign(self, call: Call, priced: Priced, nonce: int) -> SignedTransaction:
        """Sign a transaction; nothing is sent."""
        unsigned = UnsignedTransaction(
            chain_id=self.chain.chain_id,
            nonce=nonce,
            to=call.to,
            data=call.data,
            gas=priced.gas,
            max_fee=priced.fees.max_fee,
            priority_fee=priced.fees.priority_fee,
            value=call.value,
        )
        return await self.signer.sign_transaction(self.address, unsigned)

    async def transact(self, contract: Contract, function: str, *args: object, what: str) -> Inclusion:
        """Call a function and wait until it is in a block. `what` is said.

        Raises `TransactionRefused` if the node does not take it, `EngineFailure` if it was reverted in its block.
        """
        call = Call(contract.address, contract.encode(function, *args), sender=self.address)
        inclusion = await self.included([await self._sent(call)], what)
        if not inclusion.succeeded:
            raise EngineFailure(f"{what}: transaction {inclusion.transaction_hash} was reverted")
        return inclusion

    async def pass_time(self) -> None:
        """Send a transaction that does nothing, and wait for its block."""
        call = Call(self.address, b"", sender=self.address)
        await self.included([await self._sent(call)], "")

    async def included(self, hashes: Sequence[str], what: str) -> Inclusion:
        """Wait until one of a nonce's transactions is in a block, and say `what` it was, unless that is empty.

        Raises `Unavailable` after `wait_s` seconds.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.wait_s
        while True:
            if (inclusion := await self.inclusion(hashes)) is not None:
                if what:
                    self.say(f"{what}: {inclusion.transaction_hash} in block {inclusion.block_number}")
                return inclusion
            if loop.time() > give_up:
                raise Unavailable(f"{what}: {hashes[-1]} is in no block yet; the same command goes on from here")
            await asyncio.sleep(self.poll_s)

    async def inclusion(self, hashes: Sequence[str]) -> Inclusion | None:
        """Of that of a nonce's transactions that is in a block; None while none is."""
        for transaction_hash in hashes:
            if (found := await self.node.inclusion(transaction_hash)) is not None:
                return found
        return None

    async def next_block(self) -> None:
        """Wait for about one."""
        await asyncio.sleep(max(self.poll_s, self.chain.block_seconds))

    async def read(self, contract: Contract, function: str, *args: object) -> Any:
        """What the function answers, or the first of what it does."""
        return await read(self.node, contract, function, *args, sender=self.address)

    async def _sent(self, call: Call) -> str:
        """Under the next nonce. A minter may use the same key: then it is tried again behind its transactions."""
        for attempt in range(SEND_TRIES):
            signed = await self.sign(call, await self.price(call), await self.node.nonce(self.address))
            try:
                await self.node.send(signed.raw)
            except TransactionRefused as refusal:
                if refusal.why not in NONCE_TAKEN or attempt == SEND_TRIES - 1:
                    raise
                await self.next_block()
            else:
                return signed.hash
        raise AssertionError("unreachable")
