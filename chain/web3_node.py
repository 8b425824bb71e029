"""A node behind an address: `chain.node.Node` over HTTP. Nothing is tried again in here, and nothing is remembered."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from eth_utils.crypto import keccak

from chain import rpc_answers
from chain.json_rpc import ErrorAnswer, JsonRpc
from chain.node import Call, Head, Log, LogsRefused
from chain.refusals import is_known, is_missing, lacks_funds, refusal_of, revert_of
from configs.chains import Chain
from gitex.errors import InsufficientFunds, Unavailable, WrongChain
from gitex.minting import Inclusion

T = TypeVar("T")

_FEE_HISTORY_BLOCKS = 20


class Web3Node:
    """See the port for what each method does. Belongs to one event loop; `close` it there."""

    def __init__(self, url: str, chain: Chain, *, timeout_s: float = 10.0) -> None:
        """`url`: http or https, may hold an access key. `timeout_s`: for each request."""
        self._rpc = JsonRpc(url, what="node", timeout_s=timeout_s)
        self._chain = chain
        self._verifying = asyncio.Lock()
        self._verified_at: int | None = None
        """How many connections there were when the chain's id was seen last; None if it is to be looked at again."""

    def __repr__(self) -> str:
        return f"<{self._rpc.name}>"

    async def close(self) -> None:
        """Nothing can be asked afterwards."""
        await self._rpc.close()

    async def check(self) -> None:
        self._verified_at = None
        await self._verify()

    async def head(self) -> Head:
        found = await self._block("latest")
        if found is None:
            raise self._rpc.no_answer("eth_getBlockByNumber")
        return found

    async def finalized(self) -> Head:
        if self._chain.finality == "finalized":
            found = await self._block("finalized")
        else:
            found = await self._block(hex(max(0, (await self.head()).number - self._chain.finality)))
        first = found or await self._block("0x0")
        if first is None:
            raise self._rpc.no_answer("eth_getBlockByNumber")
        return first

    async def block_hash(self, number: int) -> str | None:
        found = await self._block(hex(number))
        return None if found is None else found.hash

    async def nonce(self, address: str, *, block: int | None = None) -> int:
        return await self._read(rpc_answers.quantity, "eth_getTransactionCount", address, _tag(block))

    async def balance(self, address: str) -> int:
        return await self._read(rpc_answers.quantity, "eth_getBalance", address, "latest")

    async def priority_fee(self) -> int:
        try:
            return self._shaped(
                rpc_answers.quantity, "eth_maxPriorityFeePerGas", await self._ask("eth_maxPriorityFeePerGas")
            )
        except ErrorAnswer:  # not every node has it
            pass
        params = (hex(_FEE_HISTORY_BLOCKS), "latest", [50])
        try:
            return self._shaped(rpc_answers.median_reward, "eth_feeHistory", await self._ask("eth_feeHistory", *params))
        except ErrorAnswer:
            return 0

    async def estimate(self, call: Call) -> int:
        return await self._execute(rpc_answers.quantity, "eth_estimateGas", _call(call))

    async def call(self, call: Call, *, block: int | None = None) -> bytes:
        return await self._execute(rpc_answers.data, "eth_call", _call(call), _tag(block))

    async def send(self, raw: bytes) -> None:
        method = "eth_sendRawTransaction"
        try:
            answer = await self._ask(method, f"0x{raw.hex()}")
        except ErrorAnswer as error:
            if is_known(error):
                return
            raise refusal_of(error) or self._rpc.refusal(method, error) from None
        if self._shaped(rpc_answers.hash_of, method, answer) != f"0x{keccak(raw).hex()}":
            raise self._rpc.no_answer(method)

    async def knows(self, transaction_hash: str) -> bool:
        return await self._look_up("eth_getTransactionByHash", transaction_hash) is not None

    async def inclusion(self, transaction_hash: str) -> Inclusion | None:
        method = "eth_getTransactionReceipt"
        receipt = await self._look_up(method, transaction_hash)
        if receipt is None:
            return None
        return self._shaped(lambda found: rpc_answers.inclusion(found, transaction_hash), method, receipt)

    async def logs(
        self, address: str, topics: Sequence[str | None], first_block: int, last_block: int
    ) -> Sequence[Log]:
        wanted = {"address": address, "topics": list(topics), "fromBlock": hex(first_block), "toBlock": hex(last_block)}
        try:
            answer = await self._ask("eth_getLogs", wanted)
        except ErrorAnswer as error:
            raise LogsRefused(self._rpc.refusal("eth_getLogs", error).message) from None
        found = self._shaped(rpc_answers.logs, "eth_getLogs", answer)
        if not all(
            log.address.lower() == address.lower() and first_block <= log.block_number <= last_block for log in found
        ):
            raise self._rpc.no_answer("eth_getLogs")
        return found

    async def _block(self, tag: str) -> Head | None:
        found = await self._look_up("eth_getBlockByNumber", tag, False)
        return None if found is None else self._shaped(rpc_answers.head, "eth_getBlockByNumber", found)

    async def _execute(self, shape: Callable[[object], T], method: str, *params: object) -> T:
        """A call that the contract may refuse."""
        try:
            answer = await self._ask(method, *params)
        except ErrorAnswer as error:
            if lacks_funds(error):
                raise InsufficientFunds(f"the sender cannot pay for the call: {error.message}") from None
            raise revert_of(error) or self._rpc.refusal(method, error) from None
        return self._shaped(shape, method, answer)

    async def _look_up(self, method: str, *params: object) -> object:
        """What may not be there: None then."""
        try:
            return await self._ask(method, *params)
        except ErrorAnswer as error:
            if is_missing(error):
                return None
            raise self._rpc.refusal(method, error) from None

    async def _read(self, shape: Callable[[object], T], method: str, *params: object) -> T:
        try:
            answer = await self._ask(method, *params)
        except ErrorAnswer as error:
            raise self._rpc.refusal(method, error) from None
        return self._shaped(shape, method, answer)

    def _shaped(self, shape: Callable[[object], T], method: str, answer: object) -> T:
        try:
            return shape(answer)
        except ValueError:
            raise self._rpc.no_answer(method) from None

    async def _ask(self, method: str, *params: object) -> object:
        """Raises `ErrorAnswer`, `Unavailable`, `WrongChain`. Believes nobody who may be on another chain."""
        if self._verified_at is None:
            await self._verify()
        answer: object
        try:
            answer = await self._rpc.ask(method, *params)
        except ErrorAnswer as error:
            answer = error
        except Unavailable:
            self._verified_at = None
            raise
        # Another connection was made meanwhile, perhaps to another node.
        if self._verified_at != self._rpc.connections:
            await self._verify()
        if isinstance(answer, ErrorAnswer):
            raise answer
        return answer

    async def _verify(self) -> None:
        async with self._verifying:
            if self._verified_at == self._rpc.connections:
                return
            self._verified_at = None
            try:
                found = self._shaped(rpc_answers.quantity, "eth_chainId", await self._rpc.ask("eth_chainId"))
            except ErrorAnswer as error:
                raise self._rpc.refusal("eth_chainId", error) from None
            if found != self._chain.chain_id:
                raise WrongChain(
                    f"{self._rpc.name} is on chain {found}, and {self._chain.name} is {self._chain.chain_id}: "
                    "GITEX_CHAIN and GITEX_CHAIN_RPC_URL do not go together",
                )
            self._verified_at = self._rpc.connections


def _tag(block: int | None) -> str:
    return "latest" if block is None else hex(block)


def _call(call: Call) -> dict[str, str]:
    fields = {"data": f"0x{call.data.hex()}", "value": hex(call.value)}
    if call.to:
        fields["to"] = call.to
    if call.sender:
        fields["from"] = call.sender
    return fields
