"""Keys in this process's memory, behind the port `Signer`. They come in, and nothing but signatures goes out."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from eth_account import Account

from chain.signer import SignedTransaction, UnsignedTransaction
from chain.signing_forms import signable, transaction_fields
from gitex.errors import SettingsError


class HeldKey:
    """One key. Neither its text nor a copy of it shows anything but the address."""

    __slots__ = ("_account", "address")

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes. Raises `ValueError` if they are no key."""
        try:
            self._account = Account.from_key(key)
        except Exception:
            # Not chained: the bytes may stand in what the library says.
            raise ValueError("this is no key of an account") from None
        self.address: str = self._account.address

    def __repr__(self) -> str:
        return f"<key of {self.address}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not written anywhere")

    def sign_transaction(self, transaction: UnsignedTransaction) -> SignedTransaction:
        """Takes milliseconds of a processor."""
        signed = self._account.sign_transaction(transaction_fields(transaction))
        return SignedTransaction(f"0x{signed.hash.hex()}", bytes(signed.raw_transaction))

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        """65 bytes. Raises `ValueError` for what is no typed data."""
        return bytes(self._account.sign_message(signable(typed_data)).signature)


class HeldKeys:
    """Signs for one chain, and for no other."""

    def __init__(self, keys: Sequence[HeldKey], chain_id: int) -> None:
        self._keys = {key.address: key for key in keys}
        self._chain_id = chain_id

    def __repr__(self) -> str:
        return f"<keys of {', '.join(self._keys)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not written anywhere")

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(self._keys)

    async def sign_transaction(self, address: str, transaction: UnsignedTransaction) -> SignedTransaction:
        self._check_chain(transaction.chain_id)
        return await asyncio.to_thread(self._key(address).sign_transaction, transaction)

    async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
        """Raises `ValueError` as well, for what is no typed data."""
        self._check_chain(int(typed_data["domain"].get("chainId", 0)))
        return await asyncio.to_thread(self._key(address).sign_typed_data, typed_data)

    def _key(self, address: str) -> HeldKey:
        key = self._keys.get(address)
        if key is None:
            raise SettingsError(f"there is no key of {address}", param="GITEX_CHAIN_KEYSTORES")
        return key

    def _check_chain(self, chain_id: int) -> None:
        if chain_id != self._chain_id:
            raise SettingsError(f"these keys sign for chain {self._chain_id}, not for {chain_id}", param="GITEX_CHAIN")
