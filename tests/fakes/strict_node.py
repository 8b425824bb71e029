"""A node of a small chain in memory, as strict as the strictest real ones, that can be told to misbehave.

Replacements need 10 % more of both fees; nonces are mined in their order, with gaps waited for; what a reorganisation
takes out of the chain is not put back into the pool. One contract is known, a `GitexNFT`: an asset mints once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from chain.abi import Entry, decode_values
from chain.artifacts import load_artifact
from chain.contract import Contract
from chain.node import Call, Head, Log
from gitex.errors import Reverted, TransactionRefused, Unavailable, WrongChain
from gitex.minting import Inclusion

NFT = "0x00000000000000000000000000000000000000Af"
GAS = 170_000
_ZERO_TOPIC = "0x" + "00" * 32


@dataclass(frozen=True)
class Pooled:
    """A transaction as the network sees it."""

    hash: str
    sender: str
    nonce: int
    to: str
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int


@dataclass(frozen=True)
class Mined:
    """A transaction in its block."""

    transaction: Pooled
    succeeded: bool
    tokens: tuple[tuple[int, str], ...]
    """Token and recipient, of those that it minted."""


@dataclass(frozen=True)
class Block:
    """One block."""

    number: int
    hash: str
    mined: tuple[Mined, ...] = ()


@dataclass
class StrictNode:
    """Also a `chain.node.Node`. Blocks come only when `mine` is called, or on every `send` with `automine`."""

    final_depth: int = 3
    """How many blocks make one final."""
    base_fee: int = 1_000
    least_priority: int = 0
    """Transactions that pay less wait."""
    purse: int = 10**24
    automine: bool = False
    refusing: set[str] = field(default_factory=set)
    """Recipients that revert."""
    paused: bool = False
    down: bool = False
    wrong_chain: bool = False
    nonce_lie: int = 0
    """Added to every nonce that it tells."""
    slow: float = 0.0
    """Seconds before each answer."""
    refuses_all: bool = False
    """Takes no transaction, for reasons of its own."""
    sent: int = 0

    def __post_init__(self) -> None:
        self._serial = 0
        self.blocks = [self._block(0, ())]
        self.pool: dict[tuple[str, int], Pooled] = {}

    # What tests do to it.

    def mine(self, count: int = 1) -> None:
        """Make blocks; the first has all that can be mined."""
        for _ in range(count):
            number = len(self.blocks)
            self.blocks.append(self._block(number, tuple(self._executed())))

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones. Nobody puts their transactions back into the pool."""
        depth = min(depth, len(self.blocks) - 1)
        del self.blocks[len(self.blocks) - depth :]
        self.mine_nothing(depth)

    def mine_nothing(self, count: int = 1) -> None:
        """Make empty blocks."""
        for _ in range(count):
            self.blocks.append(self._block(len(self.blocks), ()))

    def give(self, token: int, recipient: str) -> None:
        """Mint a token in a block of its own, by a stranger's transaction."""
        self._serial += 1
        stranger = Pooled(f"0x{self._serial:064x}", recipient, 0, NFT, b"", GAS, self.base_fee, 0)
        self.blocks.append(self._block(len(self.blocks), (Mined(stranger, True, ((token, recipient),)),)))

    def forget(self) -> None:
        """Lose what waits."""
        self.pool.clear()

    @property
    def tokens(self) -> dict[int, str]:
        """Token to recipient, in the present chain."""
        return {token: to for block in self.blocks for mined in block.mined for token, to in mined.tokens}

    # The port.

    async def check(self) -> None:
        await self._answer()

    async def head(self) -> Head:
        await self._answer()
        return self._head(self.blocks[-1])

    async def finalized(self) -> Head:
        await self._answer()
        return self._head(self.blocks[max(0, len(self.blocks) - 1 - self.final_depth)])

    async def block_hash(self, number: int) -> str | None:
        await self._answer()
        return self.blocks[number].hash if number < len(self.blocks) else None

    async def nonce(self, address: str, *, block: int | None = None) -> int:
        await self._answer()
        return max(0, self._nonce(address, block) + self.nonce_lie)

    async def balance(self, address: str) -> int:
        await self._answer()
        return self.purse

    async def priority_fee(self) -> int:
        await self._answer()
        return 100

    async def estimate(self, call: Call) -> int:
        await self._answer()
        self._run(call.to, call.data, dict(self.tokens))
        return GAS

    async def call(self, call: Call, *, block: int | None = None) -> bytes:
        await self._answer()
        self._run(call.to, call.data, dict(self.tokens))
        return b""

    async def send(self, raw: bytes) -> None:
        await self._answer()
        if self.refuses_all:
            raise TransactionRefused("this node takes no transactions of strangers", why="other")
        transaction = _decoded(raw)
        self._admit(transaction)
        self.sent += 1
        if self.automine:
            self.mine(1 + self.final_depth)

    async def knows(self, transaction_hash: str) -> bool:
        await self._answer()
        waiting = any(pooled.hash == transaction_hash for pooled in self.pool.values())
        return waiting or self._find(transaction_hash) is not None

    async def inclusion(self, transaction_hash: str) -> Inclusion | None:
        await self._answer()
        return self._find(transaction_hash)

    async def logs(
        self, address: str, topics: Sequence[str | None], first_block: int, last_block: int
    ) -> Sequence[Log]:
        await self._answer()
        transfer = Contract("GitexNFT", NFT).topic("Transfer")
        logs = [
            Log(
                NFT, (transfer, _ZERO_TOPIC, _word(to), f"0x{token:064x}"), b"", b.number, b.hash, m.transaction.hash, 0
            )
            for b in self.blocks[first_block : last_block + 1]
            for m in b.mined
            for token, to in m.tokens
        ]
        return [log for log in logs if all(want in (None, is_) for want, is_ in zip(topics, log.topics, strict=False))]

    # How it works.

    async def _answer(self) -> None:
        await asyncio.sleep(self.slow)
        if self.down:
            raise Unavailable("the node does not answer")
        if self.wrong_chain:
            raise WrongChain("the node is on chain 1, not on 31337")

    def _block(self, number: int, mined: tuple[Mined, ...]) -> Block:
        self._serial += 1
        return Block(number, "0x" + keccak(text=f"{number} {self._serial}").hex(), mined)

    def _head(self, block: Block) -> Head:
        return Head(block.number, block.hash, block.number, self.base_fee)

    def _nonce(self, address: str, block: int | None = None) -> int:
        blocks = self.blocks if block is None else self.blocks[: block + 1]
        return sum(mined.transaction.sender == address for each in blocks for mined in each.mined)

    def _find(self, transaction_hash: str) -> Inclusion | None:
        for block in self.blocks:
            for mined in block.mined:
                if mined.transaction.hash == transaction_hash:
                    fee = mined.transaction.gas * (self.base_fee + mined.transaction.priority_fee)
                    return Inclusion(transaction_hash, block.number, block.hash, mined.succeeded, fee)
        return None

    def _admit(self, transaction: Pooled) -> None:
        if self._find(transaction.hash) is not None:
            return
        if transaction.nonce < self._nonce(transaction.sender):
            raise TransactionRefused("nonce too low", why="nonce_too_low")
        if transaction.gas * transaction.max_fee > self.purse:
            raise TransactionRefused("insufficient funds for gas * price + value", why="insufficient_funds")
        key = transaction.sender, transaction.nonce
        other = self.pool.get(key)
        if other is not None and other.hash != transaction.hash:
            enough = transaction.max_fee * 10 >= other.max_fee * 11
            if not enough or transaction.priority_fee * 10 < other.priority_fee * 11:
                raise TransactionRefused("replacement transaction underpriced", why="underpriced")
        self.pool[key] = transaction

    def _executed(self) -> list[Mined]:
        """What of the pool can be mined, in the order of its nonces."""
        done: list[Mined] = []
        tokens = dict(self.tokens)
        for sender in {sender for sender, _ in self.pool}:
            nonce = self._nonce(sender)
            while (pooled := self.pool.get((sender, nonce))) is not None and self._pays(pooled):
                try:
                    minted = self._run(pooled.to, pooled.data, tokens)
                    tokens.update(minted)
                    done.append(Mined(pooled, True, tuple(minted)))
                except Reverted:
                    done.append(Mined(pooled, False, ()))
                del self.pool[sender, nonce]
                nonce += 1
        return done

    def _pays(self, pooled: Pooled) -> bool:
        return pooled.max_fee >= self.base_fee and pooled.priority_fee >= self.least_priority

    def _run(self, to: str, data: bytes, tokens: dict[int, str]) -> list[tuple[int, str]]:
        if to != NFT:
            return []
        if self.paused:
            raise Reverted("minting is paused", error="EnforcedPause")
        minted: list[tuple[int, str]] = []
        for request in _requests(data):
            token = int.from_bytes(request["assetDigest"], "big")
            if token in tokens or token in dict(minted):
                raise Reverted("this asset has its token already", error="GitexNFT__AlreadyMinted")
            if request["to"] in self.refusing:
                raise Reverted("the recipient is a contract that takes no tokens", error="ERC721InvalidReceiver")
            minted.append((token, request["to"]))
        return minted


def _decoded(raw: bytes) -> Pooled:
    fields: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return Pooled(
        hash="0x" + keccak(raw).hex(),
        sender=Account.recover_transaction(raw),
        nonce=fields["nonce"],
        to=to_checksum_address(fields["to"]),
        data=bytes(fields["data"]),
        gas=fields["gas"],
        max_fee=fields["maxFeePerGas"],
        priority_fee=fields["maxPriorityFeePerGas"],
    )


def _requests(data: bytes) -> list[dict[str, Any]]:
    for name in ("mint", "mintBatch"):
        (entry,) = load_artifact("GitexNFT").named("function", name)
        assert isinstance(entry, Entry)
        if data[:4] == entry.selector:
            (value,) = decode_values(entry.inputs, data[4:])
            return [value] if name == "mint" else list(value)
    raise Reverted("no such function")


def _word(address: str) -> str:
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")
