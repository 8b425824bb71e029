"""Creates contracts, each once: what was begun is written down before it is sent, and gone on with by the next call."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, ValidationError

from chain.addresses import write_text
from chain.fees import Fees, replacement
from chain.node import Call
from chain.operator_key import NONCE_TAKEN, SEND_TRIES, OperatorKey, Priced
from gitex.errors import EngineFailure, SettingsError, TransactionRefused
from gitex.minting import Inclusion


class _Attempt(BaseModel):
    """One signed form of a transaction; all of one nonce create the same."""

    model_config = ConfigDict(frozen=True)

    hash: str
    raw: str
    gas: int
    max_fee: int
    priority_fee: int


class Creation(BaseModel):
    """A contract that was created, or was begun to be."""

    model_config = ConfigDict(frozen=True)

    address: str
    creator: str
    nonce: int
    code_sha256: str
    """Of bytecode and arguments: other ones are another contract."""
    attempts: tuple[_Attempt, ...]
    mined_hash: str = ""
    """Which attempt it was; empty while it is in no block."""
    block_number: int = 0


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    creations: dict[str, Creation] = {}


class Creations:
    """What one key creates on one chain, by name, in a file."""

    def __init__(self, key: OperatorKey, file: Path) -> None:
        """Raises `SettingsError` if the file is there and cannot be used."""
        self._key = key
        self._path = file
        try:
            self._file = _File.model_validate_json(file.read_bytes()) if file.exists() else _File()
        except (OSError, ValidationError) as problem:
            raise SettingsError(f"{file} cannot be used: {problem}", param="GITEX_CHAIN_ADDRESSES") from problem

    @property
    def all(self) -> Mapping[str, Creation]:
        """By name."""
        return self._file.creations

    async def create(self, name: str, code: bytes) -> Creation:
        """Have the contract on the chain; `code` is bytecode and arguments.

        Raises `Unavailable` while it is in no block yet, `TransactionRefused` if the node does not take it, and
        `EngineFailure` if its constructor refuses.
        """
        for attempt in range(SEND_TRIES):
            known = self._file.creations.get(name)
            if known is not None and not await self._stands(known, code):
                known = None
            if known is not None and (found := await self._key.inclusion(_hashes(known))) is not None:
                if not known.mined_hash:
                    self._key.say(f"{name} is at {known.address} already")
                return self._done(name, known, found)
            begun = await self._begun(name, code, known)
            try:
                await self._key.node.send(bytes.fromhex(begun.attempts[-1].raw))
            except TransactionRefused as refusal:
                if refusal.why not in NONCE_TAKEN or attempt == SEND_TRIES - 1:
                    raise
                await self._key.next_block()
                continue
            inclusion = await self._key.included(_hashes(begun), f"{name} at {begun.address}")
            return self._done(name, begun, inclusion)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Forget all of it: somebody else has written down what stands."""
        self._path.unlink(missing_ok=True)

    async def _stands(self, known: Creation, code: bytes) -> bool:
        """Whether it is of use: the same contract, in a block or yet to come."""
        if (known.creator, known.code_sha256) != (self._key.address, _sha256(code)):
            return False
        if (found := await self._key.inclusion(_hashes(known))) is not None:
            return found.succeeded
        # Another nonce would be the next: it went to another transaction, or the chain is another one.
        return await self._key.node.nonce(self._key.address) == known.nonce

    async def _begun(self, name: str, code: bytes, known: Creation | None) -> Creation:
        """Signed and written down; again, with higher fees, if it waits for a block at too low ones."""
        call = Call("", code, sender=self._key.address)
        if known is None:
            priced, nonce = await self._key.price(call), await self._key.node.nonce(self._key.address)
            attempts: tuple[_Attempt, ...] = ()
        else:
            last = known.attempts[-1]
            old, fees, nonce = Fees(last.max_fee, last.priority_fee), await self._key.fees(), known.nonce
            most = 2 * max(fees.max_fee, old.max_fee)
            higher = replacement(old, await self._key.node.head(), fees.priority_fee, most)
            if fees.max_fee <= old.max_fee or higher is None:
                return known
            priced, attempts = Priced(last.gas, higher), known.attempts
        signed = await self._key.sign(call, priced, nonce)
        attempt = _Attempt(hash=signed.hash, raw=signed.raw.hex(), gas=priced.gas, **priced.fees._asdict())
        begun = Creation(
            address=created_address(self._key.address, nonce),
            creator=self._key.address,
            nonce=nonce,
            code_sha256=_sha256(code),
            attempts=(*attempts, attempt),
        )
        self._keep(name, begun)
        return begun

    def _done(self, name: str, creation: Creation, inclusion: Inclusion) -> Creation:
        if not inclusion.succeeded:
            raise EngineFailure(f"{name}: transaction {inclusion.transaction_hash} was reverted")
        found = {"mined_hash": inclusion.transaction_hash, "block_number": inclusion.block_number}
        done = creation.model_copy(update=found)
        self._keep(name, done)
        return done

    def _keep(self, name: str, creation: Creation) -> None:
        self._file.creations[name] = creation
        write_text(self._path, self._file.model_dump_json(indent=2))


def created_address(creator: str, nonce: int) -> str:
    """Where the contract comes that a key creates under that nonce, checksummed."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8)
    if nonce == 0 or nonce >= 0x80:  # else the byte stands for itself
        number = bytes([0x80 + len(number)]) + number
    # RLP of the two, both short: the yellow paper's equation for new addresses.
    pair = b"\x94" + bytes.fromhex(creator.removeprefix("0x")) + number
    return str(to_checksum_address(keccak(bytes([0xC0 + len(pair)]) + pair)[12:]))


def _hashes(creation: Creation) -> list[str]:
    return [attempt.hash for attempt in creation.attempts]


def _sha256(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()
